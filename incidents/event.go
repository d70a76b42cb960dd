package incidents

// Kind says what happened at a point of the timeline.
type Kind string

const (
	KindRaised     Kind = "raised"
	KindJoined     Kind = "joined"      // another verdict of the same hazard
	KindPlaceAdded Kind = "place_added" // it has reached another place
	KindUpgraded   Kind = "upgraded"    // severity or hazard went up
	KindReraised   Kind = "reraised"    // it had cleared and holds again
	KindCleared    Kind = "cleared"     // nothing holds any more
	KindRevised    Kind = "revised"     // late readings moved an interval
	KindRecovered  Kind = "recovered"   // resolved itself

	KindDutyGap         Kind = "duty_gap"         // nobody on duty
	KindNobody          Kind = "nobody"           // nobody in the chain
	KindNoChannel       Kind = "no_channel"       // a person who cannot be paged
	KindPageQueued      Kind = "page_queued"      // to be sent
	KindPageSent        Kind = "page_sent"        // the provider took it
	KindPageFailed      Kind = "page_failed"      // an attempt failed; another follows
	KindPageGaveUp      Kind = "page_gave_up"     // failed for good; the next one is paged
	KindPageCancelled   Kind = "page_cancelled"   // somebody acknowledged first
	KindPageSkipped     Kind = "page_skipped"     // told of the same a moment ago
	KindPageInterrupted Kind = "page_interrupted" // the hub stopped while it was being sent

	KindAcknowledged Kind = "acknowledged"
	KindOnSite       Kind = "on_site"
	KindResolved     Kind = "resolved"
	KindVerified     Kind = "verified"
	KindOutcome      Kind = "outcome" // an outcome was given to one that had resolved itself
)

// Event is one entry of an incident's timeline. Fields that do not apply are
// left out of its JSON.
type Event struct {
	Seq      int64    `json:"seq"`  // unique and rising in the store
	Time     Time     `json:"time"` // the hub's clock when it was written
	Kind     Kind     `json:"kind"`
	At       Time     `json:"at,omitzero"` // event time, for what the rules said
	Who      string   `json:"who,omitempty"`
	Rule     string   `json:"rule,omitempty"`
	Place    string   `json:"place,omitempty"`
	Device   string   `json:"device,omitempty"`
	Metric   string   `json:"metric,omitempty"`
	Value    *float64 `json:"value,omitempty"`
	Pos      uint64   `json:"pos,omitempty"` // log position of the verdict
	Person   string   `json:"person,omitempty"`
	Channel  string   `json:"channel,omitempty"`
	Message  string   `json:"message,omitempty"` // message ID of a page
	Attempt  int      `json:"attempt,omitempty"` // from 1
	OK       *bool    `json:"ok,omitempty"`      // of an attempt
	Outcome  Outcome  `json:"outcome,omitempty"`
	Reason   string   `json:"reason,omitempty"`
	Text     string   `json:"text,omitempty"` // the provider's answer, a note, or why
	Severity string   `json:"severity,omitempty"`
	Hazard   string   `json:"hazard,omitempty"`
}
