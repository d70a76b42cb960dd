//go:build faultinject

package outbox

import "os"

// keepTrimmed makes trimmed segments stay, renamed, so that a test can list every
// sequence that was ever written.
func keepTrimmed() bool { return os.Getenv("WEISHAO_OUTBOX_KEEP") == "1" }
