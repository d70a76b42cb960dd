//go:build !faultinject

package outbox

// keepTrimmed is for tests of the whole system, in builds made for them: see
// fault_on.go.
func keepTrimmed() bool { return false }
