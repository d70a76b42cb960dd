// Package gateway is the edge: it samples devices, keeps their readings in an
// outbox, and carries them to the hub.
//
//	devices ──emit──▶ sampler ──every commit interval──▶ outbox ──▶ session ──▶ broker ──▶ hub
//	                     └─────urgent: at once─────────▶ (alarm run)   ◀── "committed up to N"
//
// # Promises
//
//   - A reading is on disk before it is published, and stays until the hub has it:
//     see gateway/outbox and gateway/session. A power cut costs at most what was
//     sampled within one commit interval (default 1 s); what Deps.Urgent calls
//     urgent is committed and published at once.
//   - What a driver emits and cannot be a reading (not a number, outside the
//     metric's range) goes out as a fault, never as a number.
//   - A driver that returns an error, panics, hangs or says nothing for twice its
//     interval yields a fault for each of its metrics, at most once per interval. One
//     that returned or panicked is run again after a back-off. None of this
//     disturbs another device.
//   - Between driver and outbox at most 200,000 readings wait, and normally those of
//     one interval; what is more is dropped and counted.
//   - No reading leaves with a time before the clock was set: see timekeeper. What waits
//     for the clock waits in memory, half an hour of 64 sensors at 1 Hz, and is lost
//     with the process.
//   - Run ends within about five seconds of its context, with everything that was
//     sampled in the outbox.
//
// All waiting for devices and commits is on Deps.Clock, so that a demonstration
// can run faster than time.
package gateway
