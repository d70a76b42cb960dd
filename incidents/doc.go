// Package incidents turns verdicts into what people handle: one hazard, one
// incident, whose states and escalation clocks are durable rows.
//
// # Promises
//
//   - Apply is one transaction per log position and idempotent by it. A position
//     that was applied is passed over; the verdicts are kept byte for byte.
//   - At most one incident is live (not yet resolved) per key. The key is the zone
//     and the hazard's family; smoke, fire, overheat, and CO beside them, are one
//     family, see keyOf. The database enforces it.
//   - An incident's ID is that of the verdict that raised it. The same log applied
//     to an empty store gives the same incidents.
//   - Severity and hazard only go up while an incident is live. Clearing marks the
//     time and closes nothing: a person does. Only unsupervised and fault resolve
//     themselves, with no outcome and the note "recovered".
//   - A verdict that was over when it was found pages nobody. It joins an incident
//     of its key whose interval it touches, or stands in the list as one with Over.
//   - Acknowledging deletes the escalation clock and cancels all queued pages in
//     the same transaction, and interrupts those being sent. From then on nobody
//     is paged for the incident.
//
// # Paging
//
// A live incident of severity critical or major pages the chain the site gives
// for its place: first on duty, after the grid's Escalate the next, and so on to
// the leader; when all have been paged, all of them again every Repeat, until
// somebody acknowledges. Minor and advisory ones page the first who can be
// reached, once. See Policy. Nobody on duty: the leader at once, and the incident
// carries DutyGap. A person without a usable channel, or whose page has failed
// for good, is passed over at once.
//
// Each step is a row, each page of it is a row with a message ID of its own, and
// each attempt is recorded before it is made and after. So a hub killed at any
// moment goes on where it was: what a provider took is not sent again, and the
// next person's time has not moved. One window remains: killed after the provider
// took a page and before its answer was on disk (a few milliseconds), the page is
// sent again with the same message ID, which receivers of the webhook and mail
// programs can drop. The other choice, not to send again, could lose a page; a
// page too many annoys, a page missing kills.
//
// # Use
//
// Open gives a Store that answers and applies. Run owns the clocks and the
// channels' workers, and returns when its context ends. One process opens a
// database at a time. Slow subscribers get a resync marker instead of blocking.
package incidents
