package web

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
)

//go:embed templates/*.html
var templateFiles embed.FS

// pageNames are the pages; each is a file of templates/ that defines "content".
var pageNames = []string{"warden", "card", "officer", "device", "incidents", "incident", "signin", "error"}

// pages holds every page in both languages.
type pages struct {
	byLang  map[string]map[string]*template.Template
	strings map[string]string // browserMessages as JSON
}

// base is what every page has; page views embed it.
type base struct {
	Page      string // the template's name; scripts and tests read it from <html data-page>
	Title     string
	Site      site.Text
	User      *User // nil when nobody is signed in
	Now       int64 // the hub's clock, Unix ms
	Speed     float64
	Strings   string
	OtherLang string
	Zone      string // IANA name, for the charts; empty: the browser's own
}

func loadPages(asset func(string) string, loc *time.Location, clock telemetry.Clock) (*pages, error) {
	p := &pages{byLang: make(map[string]map[string]*template.Template), strings: make(map[string]string)}
	for _, lang := range []string{zh, en} {
		texts := make(map[string]string, len(browserMessages))
		for key, text := range browserMessages {
			texts[key] = text.In(lang)
		}
		raw, err := json.Marshal(texts)
		if err != nil {
			return nil, fmt.Errorf("web: encoding the scripts' texts: %w", err)
		}
		p.strings[lang] = string(raw)
		p.byLang[lang] = make(map[string]*template.Template)
		for _, name := range pageNames {
			t, err := template.New("layout.html").Funcs(funcs(lang, asset, loc, clock)).
				ParseFS(templateFiles, "templates/layout.html", "templates/parts.html", "templates/"+name+".html")
			if err != nil {
				return nil, fmt.Errorf("web: page %s: %w", name, err)
			}
			p.byLang[lang][name] = t
		}
	}
	return p, nil
}

// funcs is what templates can call, bound to a language.
func funcs(lang string, asset func(string) string, loc *time.Location, clock telemetry.Clock) template.FuncMap {
	f := formatter{lang: lang, loc: loc, clock: clock}
	return template.FuncMap{
		"lang":        func() string { return lang },
		"asset":       asset,
		"icon":        icon,
		"t":           f.message,
		"text":        func(t site.Text) string { return t.In(lang) },
		"label":       f.label,
		"clock":       f.clockTime,
		"date":        f.date,
		"num":         number,
		"pct":         func(v float64) int { return int(v*100 + 0.5) },
		"badin":       f.badInput,
		"ms":          millis,
		"span":        f.span,
		"qty":         quantity,
		"day":         f.day,
		"secs":        func(ms int64) string { return messagef("device.seconds", lang, (ms+500)/1000) },
		"clockms":     f.clockMS,
		"add":         func(a, b int) int { return a + b },
		"dict":        dict,
		"outcomes":    func() []string { return allOutcomes },
		"placeStates": func() []string { return urgent },
	}
}

// formatter turns values into text of one language.
type formatter struct {
	lang  string
	loc   *time.Location
	clock telemetry.Clock
}

// message is a text of the table; one that is not there fails the page, so that
// tests find it.
func (f formatter) message(key string, args ...any) (string, error) {
	m, ok := messages[key]
	if !ok {
		return "", fmt.Errorf("there is no message %q", key)
	}
	if len(args) > 0 {
		return fmt.Sprintf(m.In(f.lang), args...), nil
	}
	return m.In(f.lang), nil
}

// messagef is a text that is known to be in the table.
func messagef(key, lang string, args ...any) string {
	return fmt.Sprintf(messages[key].In(lang), args...)
}

// dict makes a map for a template's argument from names and values in turn.
func dict(pairs ...any) (map[string]any, error) {
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: name %d is not a string", i)
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// label is a word of the API as people read it.
func (f formatter) label(kind string, value any) string {
	v := fmt.Sprint(value)
	if m, ok := vocabulary[kind+"."+v]; ok {
		return m.In(f.lang)
	}
	return v
}

// clockTime is a time of day, with the date where it is not today.
func (f formatter) clockTime(ms any) string {
	t := time.UnixMilli(millis(ms)).In(f.loc)
	if millis(ms) == 0 {
		return "—"
	}
	if now := f.clock.Now().In(f.loc); now.YearDay() == t.YearDay() && now.Year() == t.Year() {
		return t.Format("15:04:05")
	}
	return t.Format("01-02 15:04:05")
}

// clockMS is clockTime with milliseconds, for what is compared.
func (f formatter) clockMS(ms any) string {
	if millis(ms) == 0 {
		return "—"
	}
	return time.UnixMilli(millis(ms)).In(f.loc).Format("15:04:05.000")
}

// day is a date alone.
func (f formatter) day(ms any) string {
	return time.UnixMilli(millis(ms)).In(f.loc).Format(time.DateOnly)
}

func (f formatter) date(ms any) string {
	if millis(ms) == 0 {
		return "—"
	}
	return time.UnixMilli(millis(ms)).In(f.loc).Format("2006-01-02 15:04:05")
}

// span is how long it took from one time to another, coarsely.
func (f formatter) span(from, to any) string {
	a, b := millis(from), millis(to)
	if a == 0 || b == 0 {
		return "—"
	}
	sec := max(b-a, 0) / 1000
	units := map[string][3]string{zh: {"%d 秒", "%d 分 %d 秒", "%d 小时 %d 分"}, en: {"%d s", "%d min %d s", "%d h %d min"}}[f.lang]
	switch {
	case sec < 60:
		return fmt.Sprintf(units[0], sec)
	case sec < 3600:
		return fmt.Sprintf(units[1], sec/60, sec%60)
	}
	return fmt.Sprintf(units[2], sec/3600, sec%3600/60)
}

// badInput is the counts of bad input, the most frequent first.
func (f formatter) badInput(m map[string]int64) []string {
	kinds := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		if m[a] != m[b] {
			return int(m[b] - m[a])
		}
		return slices.Compare([]byte(a), []byte(b))
	})
	var out []string
	for _, k := range kinds {
		if m[k] > 0 {
			out = append(out, fmt.Sprintf("%s %d", f.label("bad", k), m[k]))
		}
	}
	return out
}

// millis is any of the integer types that hold Unix ms.
func millis(v any) int64 {
	n, _ := strconv.ParseInt(fmt.Sprintf("%d", v), 10, 64)
	return n
}

// number shows a value with four significant digits at most and without
// exponents, as instruments do.
func number(v float64) string {
	digits := 0
	switch a := max(v, -v); {
	case a == 0:
	case a < 1:
		digits = 3
	case a < 10:
		digits = 2
	case a < 100:
		digits = 1
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if digits > 0 {
		for s[len(s)-1] == '0' {
			s = s[:len(s)-1]
		}
		if s[len(s)-1] == '.' {
			s = s[:len(s)-1]
		}
	}
	return s
}

// base fills what every page has. title is a message key.
func (s *Server) base(r *http.Request, u *User, page, title string) base {
	lang := language(r)
	return base{
		Page: page, Title: messages[title].In(lang), Site: s.SiteName(), User: u,
		Now: s.Clock.NowMS(), Speed: s.Clock.Speed(), Strings: s.pages.strings[lang], OtherLang: otherLang(r, lang), Zone: zoneName(s.Location),
	}
}

// zoneName is what browsers call a location; "Local" means nothing to them.
func zoneName(l *time.Location) string {
	if l.String() == "Local" {
		return ""
	}
	return l.String()
}

// render writes a page with the given status. It is rendered whole before the
// first byte goes out, so that a failing template is an error and not half a page.
func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, page string, view any) error {
	var b bytes.Buffer
	if err := s.pages.byLang[language(r)][page].Execute(&b, view); err != nil {
		return fmt.Errorf("rendering %s: %w", page, err)
	}
	s.rememberLang(w, r)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store") // "back" on a shared computer must not show it after signing out
	h.Set("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	w.Write(b.Bytes())
	return nil
}

// errorView is the error page.
type errorView struct {
	base
	Text string
	Home string
}

func (s *Server) renderError(w http.ResponseWriter, r *http.Request, p *problem) {
	key := "error." + strconv.Itoa(p.Status)
	if _, ok := messages[key]; !ok {
		key = "error." + strconv.Itoa(p.Status/100) + "00"
	}
	v := errorView{base: s.base(r, nil, "error", "error.title"), Text: messages[key].In(language(r)), Home: "/"}
	if u, err := s.user(r); err == nil {
		v.User, v.Home = &u, u.home()
	}
	if err := s.render(w, r, p.Status, "error", v); err != nil {
		s.Logger.Error("the error page failed", "err", err)
		http.Error(w, p.Title, p.Status)
	}
}

// signInView is the sign-in page; with a code it shows the button that redeems it.
type signInView struct {
	base
	Code string
	Bad  bool
}

func (s *Server) signInPage(w http.ResponseWriter, r *http.Request) {
	s.renderSignIn(w, r, r.URL.Query().Get("code"), false)
}

func (s *Server) renderSignIn(w http.ResponseWriter, r *http.Request, code string, bad bool) {
	status := http.StatusOK
	if bad {
		status = http.StatusForbidden
	}
	v := signInView{s.base(r, nil, "signin", "signin.title"), code, bad}
	if code != "" {
		// Keep the code when the language is switched.
		v.OtherLang += "&code=" + template.URLQueryEscaper(code)
	}
	if err := s.render(w, r, status, "signin", v); err != nil {
		s.pageError(w, r, err)
	}
}
