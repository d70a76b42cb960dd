package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	zh = "zh"
	en = "en"

	langCookie = "weishao_lang"
	langAge    = 365 * 24 * time.Hour
)

// language is what the page is to be in: as just asked for, as chosen before,
// or as the browser prefers; Chinese where that leaves it open.
func language(r *http.Request) string {
	if l := r.URL.Query().Get("lang"); l == zh || l == en {
		return l
	}
	if c, err := r.Cookie(langCookie); err == nil && (c.Value == zh || c.Value == en) {
		return c.Value
	}
	return accepted(r.Header.Get("Accept-Language"))
}

// accepted is en where an Accept-Language header ranks it above zh.
func accepted(header string) string {
	best, bestQ := zh, 0.0
	for part := range strings.SplitSeq(header, ",") {
		tag, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(weight), "q="); ok {
			if f, err := strconv.ParseFloat(v, 64); err == nil {
				q = f
			}
		}
		tag, _, _ = strings.Cut(strings.ToLower(tag), "-")
		if (tag == zh || tag == en) && q > bestQ {
			best, bestQ = tag, q
		}
	}
	return best
}

// rememberLang keeps a language that was asked for by ?lang=.
func (s *Server) rememberLang(w http.ResponseWriter, r *http.Request) {
	if l := r.URL.Query().Get("lang"); l == zh || l == en {
		http.SetCookie(w, s.cookie(r, langCookie, l, langAge))
	}
}

// otherLang is this page's address in the other language.
func otherLang(r *http.Request, lang string) string {
	q := r.URL.Query()
	q.Set("lang", map[string]string{zh: en, en: zh}[lang])
	q.Del("code")
	return r.URL.Path + "?" + q.Encode()
}
