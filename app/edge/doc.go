// Package edge is the composition root of weishao-gateway: the kinds of devices, the
// rules and the gateway are wired here by name. It is apart from package app so that
// nothing of the hub gets onto the board.
package edge
