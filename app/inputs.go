package app

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry/record"
)

// inputs are what people write for a hub: the site and the rules, checked
// together.
type inputs struct {
	site  *site.Site
	where record.Site
	rules record.Rules
}

// noSite is what a hub without a site file puts into its log.
var noSite = record.File{Name: "(no site file)", Data: []byte("name: {zh: 未命名社区, en: Unnamed community}\n")}

// readInputs reads site and rules as the configuration names them. Mistakes in
// them come as conf.Errors.
func readInputs(cfg *HubConfig) (*inputs, error) {
	file, err := siteFile(cfg)
	if err != nil {
		return nil, err
	}
	s, err := site.Load(file.Name, file.Data)
	if err != nil {
		return nil, err
	}
	if err := cfg.knowsChannels(file.Name, s); err != nil {
		return nil, err
	}
	files, err := rulesOf(cfg)
	if err != nil {
		return nil, err
	}
	if _, err := rules.Load(s.Catalogue, files); err != nil {
		return nil, err
	}
	return &inputs{site: s, where: record.Site{Version: s.Version, File: file}, rules: record.Rules{Version: versionOf(files), Files: files}}, nil
}

func siteFile(cfg *HubConfig) (record.File, error) {
	switch {
	case cfg.SiteFile != nil:
		return *cfg.SiteFile, nil
	case cfg.Site.V == "":
		return noSite, nil
	}
	data, err := os.ReadFile(cfg.Site.V)
	if err != nil {
		return record.File{}, mistake(cfg.Site.Pos, "the site file: %w", err)
	}
	return record.File{Name: cfg.Site.V, Data: data}, nil
}

func rulesOf(cfg *HubConfig) ([]record.File, error) {
	if len(cfg.Rules) == 0 {
		return rules.Shipped(), nil
	}
	var files []record.File
	for _, r := range cfg.Rules {
		list, err := ruleFiles([]string{r.V})
		if err != nil {
			return nil, mistake(r.Pos, "%w", err)
		}
		files = append(files, list...)
	}
	return files, nil
}

// knowsChannels refuses people who are to be paged in a way that there is not:
// nobody would notice before the night on which they are needed.
func (c *HubConfig) knowsChannels(file string, s *site.Site) error {
	var errs []error
	for _, id := range sortedKeys(s.People) {
		for _, name := range s.People[id].Pages {
			if _, ok := c.Page[name]; !ok {
				errs = append(errs, fmt.Errorf("%s: %s is paged by %q, which is not among the `channels` of the hub's configuration", file, id, name))
			}
		}
	}
	return errors.Join(errs...)
}

// versionOf names the content of rule files; where they lie does not matter.
func versionOf(files []record.File) string {
	h := sha256.New()
	for _, f := range files {
		for _, part := range [][]byte{[]byte(filepath.Base(f.Name)), f.Data} {
			h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(part))))
			h.Write(part)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// news is what the log must be told when it ends with these versions.
func (in *inputs) news(siteVersion, rulesVersion string) (entries []record.Entry) {
	if in.where.Version != siteVersion {
		entries = append(entries, &in.where)
	}
	if in.rules.Version != rulesVersion {
		entries = append(entries, &in.rules)
	}
	return entries
}

// announced says in words what entries put into effect.
func announced(entries []record.Entry) string {
	var list []string
	for _, e := range entries {
		switch e := e.(type) {
		case *record.Site:
			list = append(list, "site "+e.Version)
		case *record.Rules:
			list = append(list, "rules "+e.Version)
		}
	}
	return strings.Join(list, ", ")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
