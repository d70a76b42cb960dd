package lang

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxText bounds an expression; nobody can check a longer one by eye.
const maxText = 4096

// lex cuts the text into tokens, the last of which is the end.
func lex(s string) ([]token, error) {
	if len(s) > maxText {
		return nil, errorf(0, "the expression is longer than %d bytes", maxText)
	}
	if !utf8.ValidString(s) {
		return nil, errorf(0, "the expression is not valid UTF-8")
	}
	var list []token
	for i := 0; ; {
		i += blanks(s[i:])
		if i == len(s) {
			return append(list, token{kind: end, off: i}), nil
		}
		t, n, err := next(s[i:], i)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
		i += n
	}
}

// next reads the token at the front of s, which stands at off, and its length.
func next(s string, off int) (token, int, error) {
	switch c := s[0]; {
	case digit(c) || c == '.' && len(s) > 1 && digit(s[1]):
		return lexNumber(s, off)
	case letter(c):
		n := 1
		for n < len(s) && (letter(s[n]) || digit(s[n]) || s[n] == '.' && n+1 < len(s) && letter(s[n+1])) {
			n++
		}
		t := token{kind: word, off: off, text: s[:n]}
		if t.text == "and" || t.text == "or" || t.text == "not" {
			t.kind = operator
		}
		return t, n, nil
	}
	for _, op := range spellings {
		if strings.HasPrefix(s, op.written) {
			if op.means == "" {
				return token{}, 0, errorf(off, "%q is not used here: %s", op.written, op.hint)
			}
			return token{kind: operator, off: off, text: op.means}, len(op.written), nil
		}
	}
	r, _ := utf8.DecodeRuneInString(s)
	return token{}, 0, errorf(off, "%q has no meaning here", r)
}

// spellings are tried in order; what people type from habit is either taken or
// answered with what to write.
var spellings = []struct{ written, means, hint string }{
	{"<=", "<=", ""}, {">=", ">=", ""}, {"==", "==", ""}, {"!=", "!=", ""},
	{"≤", "<=", ""}, {"≥", ">=", ""}, {"≠", "!=", ""}, {"×", "*", ""}, {"−", "-", ""},
	{"<", "<", ""}, {">", ">", ""}, {"+", "+", ""}, {"-", "-", ""}, {"*", "*", ""}, {"/", "/", ""},
	{"(", "(", ""}, {")", ")", ""}, {",", ",", ""},
	{"=", "", "write == to compare"}, {"&&", "", "write and"}, {"||", "", "write or"}, {"!", "", "write not"},
	{"（", "", "write ( in half width"}, {"）", "", "write ) in half width"}, {"，", "", "write , in half width"},
	{"＞", "", "write > in half width"}, {"＜", "", "write < in half width"},
	{"％", "", "write % in half width"}, {"：", "", "write : in half width"},
	{"%", "", "a unit stands after its number, as in 10 %LEL"}, {"°", "", "a unit stands after its number, as in 40 °C"},
}

// blanks counts the white space at the front of s.
func blanks(s string) int { return len(s) - len(strings.TrimLeft(s, " \t\r\n")) }

func digit(c byte) bool  { return c >= '0' && c <= '9' }
func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

func digits(s string, i int) int {
	for i < len(s) && digit(s[i]) {
		i++
	}
	return i
}

// lexNumber reads "10", "2.5e3", "10 %LEL", "1m" or "22:00".
func lexNumber(s string, off int) (token, int, error) {
	n := digits(s, 0)
	if n > 0 && n+1 < len(s) && s[n] == ':' && digit(s[n+1]) {
		return lexClock(s, n, off)
	}
	if n < len(s) && s[n] == '.' {
		n = digits(s, n+1)
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		e := n + 1
		if e < len(s) && (s[e] == '+' || s[e] == '-') {
			e++
		}
		if e < len(s) && digit(s[e]) {
			n = digits(s, e)
		}
	}
	v, err := strconv.ParseFloat(s[:n], 64)
	if err != nil || math.IsInf(v, 0) {
		return token{}, 0, errorf(off, "%q is not a number that can be computed with", s[:n])
	}
	t := token{kind: number, off: off, value: v}
	gap := n + blanks(s[n:])
	unit, width, err := lexUnit(s[gap:], off+gap)
	if err != nil {
		return token{}, 0, err
	}
	if unit == "" {
		return t, n, nil
	}
	t.unit = unit
	return t, gap + width, nil
}

func lexClock(s string, colon, off int) (token, int, error) {
	n := digits(s, colon+1)
	h, _ := strconv.Atoi(s[:colon])
	m, _ := strconv.Atoi(s[colon+1 : n])
	if n-colon != 3 || colon > 2 || h > 24 || m > 59 || h == 24 && m > 0 {
		return token{}, 0, errorf(off, "%q is not a time of day: write 00:00 to 24:00", s[:n])
	}
	return token{kind: clock, off: off, hour: 60*h + m}, n, nil
}

// lexUnit reads the longest known unit at the front of s. A word that is not a
// unit is an error, but for and, or, and the like: "5 and ..." is a bare number.
func lexUnit(s string, off int) (unit string, width int, err error) {
	n := 0
	for n < len(s) {
		r, w := utf8.DecodeRuneInString(s[n:])
		slash := r == '/' && n > 0 && n+1 < len(s) && (letter(s[n+1]) || s[n+1] >= utf8.RuneSelf)
		if !(r < utf8.RuneSelf && letter(byte(r)) || strings.ContainsRune("%°℃µμ³", r) || slash) {
			break
		}
		n += w
	}
	for cut := n; cut > 0; {
		if u := canonical(s[:cut]); knownUnit(u) {
			return u, cut, nil
		}
		cut = strings.LastIndexByte(s[:cut], '/')
	}
	if n == 0 {
		return "", 0, nil
	}
	switch s[:n] {
	case "and", "or", "not":
		return "", 0, nil
	}
	return "", 0, errorf(off, "unknown unit %q%s", s[:n], suggestUnit(s[:n]))
}

// canonical writes a unit as the catalogue does: the micro sign, not the letter mu.
func canonical(u string) string { return strings.ReplaceAll(u, "μ", "µ") }
