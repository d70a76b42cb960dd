package app

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/rules/scenario"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

const checkHelp = `
Checks rule files, and folders of them (*.yaml), as one pack: syntax, metric
names, units, dimensions. Prints nothing and exits with 0 when all is well, or
prints every mistake as file:line:column: text and exits with 1. A placement that
is neither the shipped rules' nor that of a device of the site is told of in the
same form: a rule for one that is misspelt is never asked.`

func runRulesCheck(c *call) error {
	siteFile := c.flags.String("site", "", "site `FILE`, for its own metrics, its LEL setting and its devices' placements")
	if err := c.parse(1, -1); err != nil {
		return err
	}
	cat := telemetry.NewCatalogue(telemetry.LEL{})
	known, whose := slices.Clone(site.Placements), "shipped rule"
	if *siteFile != "" {
		s, err := loadSite(*siteFile)
		if err != nil {
			return c.report(err)
		}
		cat, whose = s.Catalogue, "device of the site"
		for _, d := range s.Devices {
			known = append(known, d.Placement)
		}
		slices.Sort(known)
	}
	files, err := ruleFiles(c.args)
	if err != nil {
		return err
	}
	pack, err := rules.Load(cat, files)
	if err != nil {
		return c.report(err)
	}
	for _, p := range pack.Placements {
		if !slices.Contains(known, p.V) {
			fmt.Fprintf(c.stderr, "%s: no %s has the placement %q%s\n", p.Pos, whose, p.V, telemetry.Suggest(p.V, known))
		}
	}
	return nil
}

// report prints mistakes bare, as file:line:column: text, for editors to read.
func (c *call) report(err error) error {
	fmt.Fprintln(c.stderr, err)
	return errReported
}

func loadSite(path string) (*site.Site, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the site file: %w", err)
	}
	return site.Load(path, data)
}

// ruleFiles reads rule files, and of each folder its *.yaml files in order of
// name. Scenario files (*.test.yaml) are not rules.
func ruleFiles(paths []string) ([]record.File, error) {
	var names []string
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, fmt.Errorf("rules: %w", err)
		}
		if !info.IsDir() {
			names = append(names, p)
			continue
		}
		in, err := yamlFiles(p)
		if err != nil {
			return nil, err
		}
		names = append(names, in...)
	}
	var files []record.File
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			return nil, fmt.Errorf("rules: %w", err)
		}
		files = append(files, record.File{Name: n, Data: data})
	}
	return files, nil
}

func yamlFiles(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && (strings.HasSuffix(path, ".yaml") || strings.HasSuffix(path, ".yml")) && !strings.HasSuffix(path, ".test.yaml") {
			names = append(names, path)
		}
		return err
	})
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("rules: no *.yaml file in %s", dir)
	}
	slices.Sort(names)
	return names, err
}

const testHelp = `
Runs scenario files (*.test.yaml): made-up series and the verdicts that they
must give. Folders are searched. Each test prints one line; what went wrong
stands below it with file:line:column. docs/rules.md shows the format.`

func runRulesTest(c *call) error {
	rulesDir := c.flags.String("rules", "", "rule file or `DIR` (default: the shipped pack)")
	siteFile := c.flags.String("site", "", "site `FILE`, for its own metrics, its LEL setting and its devices")
	if err := c.parse(1, -1); err != nil {
		return err
	}
	t := &trial{call: c}
	if _, err := t.inputs(backtestFlags{rules: *rulesDir, site: *siteFile}, nil); err != nil {
		return c.report(err)
	}
	runner, err := scenario.New(t.opts.Site, t.opts.Rules)
	if err != nil {
		return c.report(err)
	}
	files, err := scenarioFiles(c.args)
	if err != nil {
		return err
	}
	passed, failed := 0, 0
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		results, err := runner.Run(name, data)
		if err != nil {
			return c.report(err)
		}
		for _, r := range results {
			if len(r.Problems) == 0 {
				passed++
				fmt.Fprintf(c.stdout, "ok    %s: %s\n", name, r.Name)
				continue
			}
			failed++
			fmt.Fprintf(c.stdout, "FAIL  %s: %s\n      %s\n", name, r.Name, strings.Join(r.Problems, "\n      "))
		}
	}
	fmt.Fprintf(c.stdout, "%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		return errReported
	}
	return nil
}

func scenarioFiles(paths []string) ([]string, error) {
	var names []string
	for _, p := range paths {
		err := filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && (path == p || strings.HasSuffix(path, ".test.yaml")) {
				names = append(names, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no *.test.yaml file in %s", strings.Join(paths, ", "))
	}
	return names, nil
}
