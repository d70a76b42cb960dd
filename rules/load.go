package rules

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/rules/lang"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// packFile is a rule file as people write it.
type packFile struct {
	Rules []ruleFile `yaml:"rules"`
}

type ruleFile struct {
	Pos       conf.Pos               `yaml:"-"`
	Name      conf.At[string]        `yaml:"name"`
	Hazard    conf.At[string]        `yaml:"hazard"`
	Severity  conf.At[string]        `yaml:"severity"`
	Placement []conf.At[string]      `yaml:"placement"`
	When      yaml.Node              `yaml:"when"`
	Hold      conf.At[conf.Duration] `yaml:"hold"`
	Clear     yaml.Node              `yaml:"clear"`
	ClearHold conf.At[conf.Duration] `yaml:"clear_hold"`
	Edge      []conf.At[string]      `yaml:"edge"`
	Message   site.Text              `yaml:"message"`
	Do        site.Text              `yaml:"do"`
}

var (
	hazards    = []string{string(GasLeak), string(CO), string(Smoke), string(Fire), string(FlyingWire), string(Overload), string(LeakageCurrent), string(Overheat), string(FaultHazard)}
	severities = []string{string(Critical), string(Major), string(Minor), string(Advisory)}
	verbs      = []string{"close", "open", "sound"}
)

// maxHold bounds hold and clear_hold: a longer one is a typing mistake.
const maxHold = 24 * time.Hour

// Load checks files as one pack. The error, if any, is of type conf.Errors: all
// mistakes of all files, each with file:line:column.
func Load(cat *telemetry.Catalogue, files []record.File) (*Pack, error) {
	l := loader{cat: cat, seen: map[string]conf.Pos{}, pack: &Pack{}}
	for _, f := range files {
		l.file(f)
	}
	if len(files) > 0 && len(l.errs) == 0 && len(l.pack.Rules) == 0 {
		l.errs.Add(conf.Pos{File: files[0].Name, Line: 1, Column: 1}, "there is no rule here: nothing would be watched")
	}
	if err := l.errs.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(l.pack.Rules, func(a, b *Rule) int { return strings.Compare(a.Name, b.Name) })
	return l.pack, nil
}

type loader struct {
	cat  *telemetry.Catalogue
	errs conf.Errors
	seen map[string]conf.Pos
	pack *Pack
	text []string // lines of the file at hand
}

func (l *loader) file(f record.File) {
	var pf packFile
	if err := conf.Decode(f.Name, f.Data, &pf); err != nil {
		if more, ok := err.(conf.Errors); ok {
			l.errs = append(l.errs, more...)
		}
		// What could be read is checked all the same: a misspelt key hides nothing.
	}
	l.text = strings.Split(string(f.Data), "\n")
	for i := range pf.Rules {
		end := len(l.text)
		if i+1 < len(pf.Rules) {
			end = pf.Rules[i+1].Pos.Line - 1
		}
		l.rule(&pf.Rules[i], end)
	}
}

func (l *loader) rule(f *ruleFile, end int) {
	r := &Rule{Name: f.Name.V, Hazard: Hazard(f.Hazard.V), Severity: Severity(f.Severity.V), Message: unfold(f.Message), Do: unfold(f.Do),
		Hold: time.Duration(f.Hold.V), ClearHold: time.Duration(f.ClearHold.V), Text: l.source(f.Pos.Line, end)}
	l.name(f)
	l.oneOf(f, "hazard", f.Hazard, hazards)
	l.oneOf(f, "severity", f.Severity, severities)
	for _, p := range f.Placement {
		if !telemetry.ValidName(p.V) {
			l.errs.Add(p.Pos, "%q cannot name a placement: letters, digits, '.', '_' or '-'", p.V)
		}
		r.Placement = append(r.Placement, p.V)
	}
	l.pack.Placements = append(l.pack.Placements, f.Placement...)
	for _, d := range []conf.At[conf.Duration]{f.Hold, f.ClearHold} {
		if v := time.Duration(d.V); v < 0 || v > maxHold {
			l.errs.Add(d.Pos, "a hold of %s is not possible: 0s to %s", v, maxHold)
		}
	}
	for _, a := range f.Edge {
		r.Edge = append(r.Edge, l.action(a))
	}
	if f.Message.Zh == "" || f.Message.En == "" {
		l.errs.Add(f.Pos, "rule %q needs a message in Chinese and English: message: {zh: ..., en: ...}", f.Name.V)
	}
	if f.When.Kind == 0 {
		l.errs.Add(f.Pos, "rule %q needs a condition: when: gas.ch4 > 10 %%LEL", f.Name.V)
		return
	}
	r.When = l.condition(f.Pos.File, &f.When)
	if p := r.When; p != nil && len(p.Others) > 0 && len(p.Metrics)+len(p.Grouped) == 0 {
		l.errs.Add(conf.Pos{File: f.Pos.File, Line: f.When.Line, Column: f.When.Column}, "elsewhere asks other places only: say what must be so at the place itself too, such as fire.trace >= 1 and elsewhere(fire)")
	}
	if f.Clear.Kind != 0 {
		r.Clear = l.condition(f.Pos.File, &f.Clear)
	}
	l.pack.Rules = append(l.pack.Rules, r)
}

func (l *loader) name(f *ruleFile) {
	first, twice := l.seen[f.Name.V]
	switch {
	case !telemetry.ValidName(f.Name.V):
		l.errs.Add(place(f.Name.Pos, f.Pos), "%q cannot name a rule: 1 to 64 letters, digits, '.', '_' or '-'", f.Name.V)
	case builtin[f.Name.V] != nil:
		l.errs.Add(f.Name.Pos, "%q is a rule that the engine has of its own: choose another name", f.Name.V)
	case twice:
		l.errs.Add(f.Name.Pos, "rule %q is there twice, first at %s", f.Name.V, first)
	}
	l.seen[f.Name.V] = f.Name.Pos
}

// unfold takes the space out that YAML puts where a folded Chinese text breaks its
// lines: Chinese has none between words.
func unfold(t site.Text) site.Text {
	runes := []rune(t.Zh)
	out := runes[:0:0]
	for i, r := range runes {
		if r == ' ' && i > 0 && i+1 < len(runes) && (runes[i-1] > 0x2e80 || runes[i+1] > 0x2e80) {
			continue
		}
		out = append(out, r)
	}
	return site.Text{Zh: string(out), En: t.En}
}

func place(at, otherwise conf.Pos) conf.Pos {
	if at.Line == 0 {
		return otherwise
	}
	return at
}

func (l *loader) oneOf(f *ruleFile, key string, got conf.At[string], list []string) {
	if !slices.Contains(list, got.V) {
		l.errs.Add(place(got.Pos, f.Pos), "%s %q: one of %s%s", key, got.V, strings.Join(list, ", "), telemetry.Suggest(got.V, list))
	}
}

func (l *loader) action(a conf.At[string]) Action {
	verb, target, _ := strings.Cut(a.V, " ")
	if !slices.Contains(verbs, verb) || !telemetry.ValidName(target) {
		l.errs.Add(a.Pos, "%q is no action: write %s and what to act on, such as close gas_valve", a.V, strings.Join(verbs, ", "))
	}
	return Action{Verb: verb, Target: target}
}

// source is the rule's own lines, without the indentation that they share.
func (l *loader) source(from, to int) string {
	if from < 1 || from > to || to > len(l.text) {
		return ""
	}
	lines := slices.Clone(l.text[from-1 : to])
	if i := strings.IndexByte(lines[0], '-'); i >= 0 {
		lines[0] = lines[0][:i] + " " + lines[0][i+1:]
	}
	indent := len(lines[0]) - len(strings.TrimLeft(lines[0], " "))
	for i, s := range lines {
		lines[i] = s[min(indent, len(s)-len(strings.TrimLeft(s, " "))):]
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

func (l *loader) condition(file string, n *yaml.Node) *lang.Program {
	at := conf.Pos{File: file, Line: n.Line, Column: n.Column}
	if n.Kind != yaml.ScalarNode {
		l.errs.Add(at, "a condition belongs here, such as gas.ch4 > 10 %%LEL")
		return nil
	}
	p, err := lang.Compile(n.Value, l.cat)
	lang.Each(err, func(e lang.Error) {
		l.errs.Add(l.within(at, n, e.Off), "%s", e.Text)
	})
	if p == nil {
		return nil
	}
	p.Root.Walk(func(x *lang.Node, _ bool) {
		if x.Op == lang.OpElsewhere && !slices.Contains(hazards, x.Hazard) {
			l.errs.Add(l.within(at, n, x.Off), "elsewhere takes a hazard: one of %s, not %q%s", strings.Join(hazards, ", "), x.Hazard, telemetry.Suggest(x.Hazard, hazards))
		}
	})
	return p
}

// within is where in the file a byte of a scalar stands. A text over several lines,
// which YAML joins by spaces, is found by its words.
func (l *loader) within(at conf.Pos, n *yaml.Node, off int) conf.Pos {
	left, line, column := min(off, len(n.Value)), at.Line, at.Column
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		line, column = line+1, 0
	case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		column++
	}
	for ; line <= len(l.text); line, column = line+1, 0 {
		text := []rune(l.text[line-1])
		if column == 0 {
			column = len(text) - len([]rune(strings.TrimLeft(string(text), " "))) + 1
		}
		rest := strings.TrimRight(string(text[min(column-1, len(text)):]), " ")
		if left <= len(rest) {
			return conf.Pos{File: at.File, Line: line, Column: column + utf8.RuneCountInString(rest[:left])}
		}
		left -= len(rest) + 1
	}
	return at
}
