package e2e

import (
	"os"
	"testing"

	"weishao.dev/weishao/e2e/harness"
)

func TestMain(m *testing.M) {
	code := m.Run()
	harness.Cleanup()
	os.Exit(code)
}
