package detect

import (
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// arm64 has fused multiply-add and amd64's default does not: where the compiler
// may fuse, two gateways would round differently and a verdict could differ. So
// none of this package's code may have one.
func TestNoFusedMultiplyAdd(t *testing.T) {
	cmd := exec.Command("go", "build", "-gcflags=-S", "-o", os.DevNull, ".")
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
	listing, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go build for arm64: %v\n%s", err, listing)
	}
	if len(listing) < 10_000 {
		t.Fatalf("the compiler's listing is %d bytes; did it list anything?", len(listing))
	}
	for _, line := range regexp.MustCompile(`[^\n]*\bFN?M(ADD|SUB)[DS]\b[^\n]*`).FindAllString(string(listing), -1) {
		t.Errorf("fused: %s\n(write float64(x*y) around a product that is added)", line)
	}
}
