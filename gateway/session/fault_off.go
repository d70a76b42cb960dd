//go:build !faultinject

package session

// trimOnPublish is for tests of the whole system, in builds made for them: see
// fault_on.go.
func trimOnPublish() bool { return false }
