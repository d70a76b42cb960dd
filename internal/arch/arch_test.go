package arch

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const module = "weishao.dev/weishao/"

// arrows says which of our packages each part may import, beside its own and
// internal ones. The key is the longest matching prefix.
var arrows = map[string][]string{
	"telemetry": {},
	"site":      {"telemetry"},
	"devices":   {"telemetry"},
	"rules":     {"telemetry", "site"},
	"gateway":   {"telemetry", "site", "devices", "rules"},
	"incidents": {"telemetry", "site", "rules"},
	"history":   {"telemetry"},
	"access":    {"telemetry"}, // a gateway's credentials are for a group and a node, whose names have telemetry's rules
	"hub":       {"telemetry", "site", "rules", "incidents", "history"},
	"web":       {"telemetry", "site", "incidents", "history"},
	"app":       {"telemetry", "site", "devices", "rules", "gateway", "incidents", "history", "access", "hub", "web"},
	"cmd":       {"app"},
	"e2e":       {"telemetry", "site", "devices", "rules", "gateway", "incidents", "history", "access", "hub", "web", "app"},
	"internal":  {"telemetry"},
	// The edge binary stays small: nothing of the hub gets in by way of its root.
	"app/edge":            {"telemetry", "site", "devices", "rules", "gateway"},
	"cmd/weishao-gateway": {"app/edge"},
}

// banned are modules that must not reach a part, not even through others.
var banned = map[string][]string{
	"cmd/weishao-gateway": {"github.com/nats-io/", "modernc.org/sqlite", "github.com/prometheus/prometheus", "net/http/pprof"},
	"rules":               {"github.com/nats-io/", "modernc.org/sqlite", "github.com/eclipse/"},
	"telemetry":           {"github.com/nats-io/", "github.com/eclipse/"},
}

type pkg struct {
	ImportPath, Doc string
	Imports, Deps   []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Imports,Deps", "./...")
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p pkg
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		list = append(list, p)
	}
	return list
}

// part finds the key of arrows that a package belongs to.
func part(path string) string {
	for p := path; p != "."; p = filepath.Dir(p) {
		if _, ok := arrows[p]; ok {
			return p
		}
	}
	return ""
}

func within(path, part string) bool { return path == part || strings.HasPrefix(path, part+"/") }

func TestImportArrows(t *testing.T) {
	for _, p := range packages(t) {
		from := part(p.ImportPath)
		if from == "" {
			t.Errorf("%s belongs to no part of the design", p.ImportPath)
			continue
		}
	imports:
		for _, imp := range p.Imports {
			to, ours := strings.CutPrefix(imp, module)
			if !ours || within(to, from) || within(to, "internal") {
				continue
			}
			for _, ok := range arrows[from] {
				if within(to, ok) {
					continue imports
				}
			}
			t.Errorf("%s must not import %s", p.ImportPath, to)
		}
	}
}

func TestBannedDependencies(t *testing.T) {
	for _, p := range packages(t) {
		for where, list := range banned {
			if !within(p.ImportPath, where) {
				continue
			}
			for _, dep := range p.Deps {
				for _, b := range list {
					if strings.HasPrefix(dep, b) {
						t.Errorf("%s depends on %s", p.ImportPath, dep)
					}
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package doc", p.ImportPath)
		}
	}
}

// docPath finds what looks like a path of this repository in running text.
var docPath = regexp.MustCompile("`((?:telemetry|site|devices|rules|gateway|incidents|history|access|hub|web|app|cmd|e2e|internal|docs|scripts)/[A-Za-z0-9_./-]*[A-Za-z0-9_])/?`|\\]\\(([A-Za-z0-9_./-]+)(?:#[^)]*)?\\)")

func TestPathsNamedInDocsExist(t *testing.T) {
	root := "../.."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".md") || d.IsDir() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range docPath.FindAllStringSubmatch(string(text), -1) {
			target := filepath.Join(root, m[1])
			if m[2] != "" {
				target = filepath.Join(filepath.Dir(path), m[2])
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s names %s, which is not there", path, m[1]+m[2])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Nothing registers itself: what a program is made of stands in one file.
func TestNoInitFunctions(t *testing.T) {
	out, err := exec.Command("git", "-C", "../..", "grep", "-nE", `^func init\(\)`, "--", "*.go").CombinedOutput()
	if len(out) > 0 {
		t.Errorf("registration by init:\n%s", out)
	} else if err == nil {
		t.Error("git grep found nothing and said nothing")
	}
}
