// Package web is what people and scripts see of a hub: the warden's page, the
// officer's pages, the HTTP API and its server-sent events.
//
// What it promises:
//
//   - Nobody is in by default. Everything but /healthz, /readyz, the style
//     sheets and the sign-in page needs a session (cookie) or an API token
//     (Authorization: Bearer). That holds for /metrics too.
//   - GET changes nothing. Opening a sign-in link shows a button; only the POST
//     behind it redeems the code, so a chat program that previews the link does
//     not burn it. Every POST passes [net/http.CrossOriginProtection].
//   - No page loads anything from another host, and none runs inline script or
//     style: the content security policy is default-src 'none' with 'self'
//     where something is needed.
//   - A page says plainly when it is not connected. The event stream carries a
//     heartbeat with the hub's clock; a page that misses it shows since when.
//   - An event stream that fell behind, or asks for events that are no longer
//     kept, gets the event "resync": read everything again. No event is dropped
//     without it.
//   - An action posted twice with one Idempotency-Key acts once.
//
// The package knows the rest of the system only through the interfaces in
// config.go. Server is safe for concurrent use; Server.Run feeds the event
// stream and must run for pushes to arrive. Its pages are html/template with
// small ES modules from static/ and need no build step. README.md in this
// folder lists the element IDs and data attributes that tests may rely on.
package web
