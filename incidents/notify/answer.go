package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// checkAnswer decides whether an HTTP answer means that the message was taken.
// It returns "" if so and otherwise the reason, and whether it is permanent.
//
// Chat robots and many SMS gateways answer 200 whatever happened and put the
// truth into the body: errcode, code or StatusCode that is not zero, ok or
// success false, or an error text. A code of 200 or "OK" counts as success, as
// it does with the services that say so.
func checkAnswer(status int, body []byte) (reason string, permanent bool) {
	if status < 200 || status > 299 {
		return "answered " + statusText(status), permanentStatus(status)
	}
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		return "", false
	case body[0] == '<':
		return "answered with a web page: is this the right address, or does a captive portal answer for it?", false
	case body[0] != '{':
		return "", false
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return "answered with broken JSON: " + err.Error(), false
	}
	for name, raw := range fields {
		if bad := badField(strings.ToLower(name), raw); bad {
			return fmt.Sprintf("answered %s with %s %s", statusText(status), name, raw), false
		}
	}
	return "", false
}

// badField says whether one field of an answer tells of a failure.
func badField(name string, raw json.RawMessage) bool {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return false
	}
	switch name {
	case "errcode", "code", "statuscode":
		switch v := v.(type) {
		case float64:
			return v != 0 && (v != 200 || name == "errcode")
		case string:
			return !fine(v)
		}
	case "ok", "success":
		b, is := v.(bool)
		return is && !b
	case "error":
		switch v := v.(type) {
		case nil:
			return false
		case bool:
			return v
		case string:
			return v != ""
		case float64:
			return v != 0
		default:
			return true
		}
	}
	return false
}

func fine(code string) bool {
	switch strings.ToLower(code) {
	case "", "0", "200", "ok", "success":
		return true
	}
	return false
}

// permanentStatus: what the request itself is guilty of. Timeouts, conflicts,
// rate limits and all of the server's own faults pass.
func permanentStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status >= 300 && status <= 499
}

func statusText(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}
