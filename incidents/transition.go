package incidents

// Action is what a person does about an incident.
type Action string

const (
	ActionAck     Action = "ack"
	ActionArrive  Action = "arrive"
	ActionResolve Action = "resolve"
	ActionVerify  Action = "verify"
)

// Reason is why an action was taken, passed over or refused.
type Reason string

const (
	ReasonDone    Reason = "done"    // the state has changed
	ReasonAlready Reason = "already" // somebody did that before: fine, nothing changes
	ReasonClosed  Reason = "closed"  // refused: it is resolved, there is nothing left to do
	ReasonDecided Reason = "decided" // refused: it has another outcome already
	ReasonNotYet  Reason = "not_yet" // refused: only a resolved incident can be verified
	ReasonUnknown Reason = "unknown" // refused: no such action
	ReasonOutcome Reason = "outcome" // done: an outcome for what had none
)

// refused says whether the action failed.
func (r Reason) refused() bool { return r != ReasonDone && r != ReasonAlready && r != ReasonOutcome }

// decide is the whole state machine. had is the incident's outcome so far,
// wanted the one that a resolve brings. It gives the next state, which is the
// present one unless the reason is ReasonDone.
//
//	            ack           arrive    resolve       verify
//	open        acknowledged  on_site   resolved      not_yet
//	notified    acknowledged  on_site   resolved      not_yet
//	acknowledged  already     on_site   resolved      not_yet
//	on_site       already     already   resolved      not_yet
//	resolved      closed      closed    see below     verified
//	verified      closed      closed    closed        already
//
// Resolving what is resolved: the same outcome is already; another one is
// decided; an outcome for one that resolved itself is taken.
func decide(st State, act Action, had, wanted Outcome) (State, Reason) {
	switch act {
	case ActionAck:
		switch {
		case st.waiting():
			return StateAcknowledged, ReasonDone
		case st.Live():
			return st, ReasonAlready
		}
		return st, ReasonClosed
	case ActionArrive:
		switch {
		case st == StateOnSite:
			return st, ReasonAlready
		case st.Live():
			return StateOnSite, ReasonDone
		}
		return st, ReasonClosed
	case ActionResolve:
		switch {
		case st.Live():
			return StateResolved, ReasonDone
		case st == StateVerified:
			return st, ReasonClosed
		case had == "":
			return st, ReasonOutcome
		case had == wanted:
			return st, ReasonAlready
		}
		return st, ReasonDecided
	case ActionVerify:
		switch st {
		case StateResolved:
			return StateVerified, ReasonDone
		case StateVerified:
			return st, ReasonAlready
		}
		return st, ReasonNotYet
	}
	return st, ReasonUnknown
}
