package incidents

import (
	"encoding/json"
	"fmt"
	"time"

	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/site"
)

// State is how far people have come with an incident.
type State string

const (
	StateOpen         State = "open"         // raised; nobody has been reached
	StateNotified     State = "notified"     // a provider took the first page
	StateAcknowledged State = "acknowledged" // somebody has said that they go
	StateOnSite       State = "on_site"      // somebody is there
	StateResolved     State = "resolved"     // handled, or recovered by itself
	StateVerified     State = "verified"     // checked by whoever checks
)

// Live says whether somebody still has to handle it.
func (s State) Live() bool { return s != StateResolved && s != StateVerified }

// waiting says whether nobody has taken it yet: only then is anybody paged.
func (s State) waiting() bool { return s == StateOpen || s == StateNotified }

// Outcome is what an incident turned out to be. Empty: not decided.
type Outcome string

const (
	OutcomeReal       Outcome = "real"
	OutcomeFalseAlarm Outcome = "false_alarm"
	OutcomeTest       Outcome = "test"
	OutcomeDrill      Outcome = "drill"
)

// Time is Unix milliseconds; in JSON an RFC 3339 UTC string with milliseconds,
// or null for the zero Time.
type Time int64

const timeFormat = "2006-01-02T15:04:05.000Z"

// TimeOf is t in whole milliseconds.
func TimeOf(t time.Time) Time { return Time(t.UnixMilli()) }

// Std is the time as time.Time, in UTC.
func (t Time) Std() time.Time { return time.UnixMilli(int64(t)).UTC() }

func (t Time) String() string { return t.Std().Format(timeFormat) }

// MarshalJSON gives the string form, or null for 0.
func (t Time) MarshalJSON() ([]byte, error) {
	if t == 0 {
		return []byte("null"), nil
	}
	return []byte(`"` + t.String() + `"`), nil
}

// UnmarshalJSON takes what MarshalJSON gives and any other RFC 3339 time.
func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*t = 0
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	v, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return fmt.Errorf("incident time: %w", err)
	}
	*t = TimeOf(v)
	return nil
}

// Incident is one hazard as people handle it. Its JSON is the API's.
type Incident struct {
	ID       string         `json:"id"`
	Hazard   rules.Hazard   `json:"hazard"`
	Severity rules.Severity `json:"severity"`
	State    State          `json:"state"`
	Rule     string         `json:"rule"` // the rule that raised it, or that raised it higher
	Zone     string         `json:"zone"`
	Places   []string       `json:"places"`
	Devices  []string       `json:"devices"`
	Node     string         `json:"node,omitempty"` // the gateway, where it is about one
	Onset    Time           `json:"onset"`          // event time since which the condition holds
	Opened   Time           `json:"opened"`         // event time at which the rules decided
	Cleared  Time           `json:"cleared"`        // event time since which nothing holds any more; null while something does
	Evidence []Evidence     `json:"evidence"`       // the readings that decided, at most MaxEvidence, oldest first
	Features []Feature      `json:"features"`       // by what the detectors decided, when the rule was raised
	Over     bool           `json:"over"`           // found in a backlog when it was already past

	DecidedAt  Time      `json:"decided_at"` // the hub's clock when the verdict was applied
	Message    site.Text `json:"message"`
	Do         site.Text `json:"do"`                  // what to do first
	When       string    `json:"when,omitempty"`      // the rule's condition as written
	RuleText   string    `json:"rule_text,omitempty"` // the same with its hold and clear, one a line, as they were then
	Reason     string    `json:"reason,omitempty"`    // kind of fault or silence
	Metric     string    `json:"metric,omitempty"`    // that decided
	Value      float64   `json:"value"`               // of that metric, in its catalogue unit
	Threshold  float64   `json:"threshold"`           // that it was compared with
	Likelihood float64   `json:"likelihood"`          // 0 where the rule has no detector
	Likely     string    `json:"likely,omitempty"`    // the derived metric that it is of
	DutyGap    bool      `json:"duty_gap"`            // nobody was on duty when someone had to be paged
	Outcome    Outcome   `json:"outcome"`             // empty until decided
	Note       string    `json:"note"`                // of whoever resolved it
	VerifyNote string    `json:"verify_note"`         // of whoever verified it
	AckBy      string    `json:"acknowledged_by"`     // who took it
	AckAt      Time      `json:"acknowledged_at"`     // null until then
	ArrivedBy  string    `json:"arrived_by"`
	ArrivedAt  Time      `json:"arrived_at"`
	ResolvedBy string    `json:"resolved_by"` // empty where it recovered by itself
	ResolvedAt Time      `json:"resolved_at"`
	VerifiedBy string    `json:"verified_by"`
	VerifiedAt Time      `json:"verified_at"`
	Timeline   []Event   `json:"timeline,omitempty"` // only from Get
	Verdicts   []Proof   `json:"verdicts,omitempty"` // only from Get
}

// Evidence is one reading that decided.
type Evidence struct {
	Device  string  `json:"device"`
	Metric  string  `json:"metric"`
	Time    Time    `json:"time"`
	Value   float64 `json:"value"`
	Quality string  `json:"quality,omitempty"`
}

// Feature is one number by which a detector decided, when the rule that leads was
// raised.
type Feature struct {
	Device string  `json:"device"`
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit,omitempty"` // none for a mere number
}

// MaxEvidence is how many readings an incident lists. The verdicts keep all.
const MaxEvidence = 128

// Proof is one verdict that made the incident what it is, as stored.
type Proof struct {
	Pos      uint64          `json:"pos"`   // log position of the record that caused it
	Index    int             `json:"index"` // among the verdicts of that record
	Incident string          `json:"-"`     // empty where it concerned none
	Verdict  json.RawMessage `json:"verdict"`
}
