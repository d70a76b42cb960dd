// Package app is where the parts meet: the commands, the hub as one process, the
// demo and the bench. Everything is wired here by name.
//
// Read OpenHub first: its steps, in wire.go, are the order in which a hub comes
// up, and work.stop goes the same way back. Files named after a part of web or
// incidents (auth, duty, inventory, ruletext, channels) are adapters: they turn
// what one part knows into what another asks for, and decide nothing.
package app
