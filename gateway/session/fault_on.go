//go:build faultinject

package session

import "os"

// trimOnPublish makes the session do what it must never do: take a finished publish
// for an acknowledgement. The crash test has to catch it.
func trimOnPublish() bool { return os.Getenv("WEISHAO_FAULT") == "trim-on-puback" }
