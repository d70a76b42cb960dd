package outbox

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Fingerprint tells this machine and its card from others: a hash over the CIDs
// of the MMC and SD cards that the kernel lists and over /etc/machine-id. A cloned
// or re-imaged card changes it; a reboot does not. It does not tell two clones on
// virtual machines apart: that is what the lineage of runs is for.
func Fingerprint() string { return fingerprintBelow("/") }

func fingerprintBelow(root string) string {
	cids, _ := filepath.Glob(filepath.Join(root, "sys/block/mmcblk*/device/cid"))
	sort.Strings(cids)
	h := sha256.New()
	for _, name := range append(cids, filepath.Join(root, "etc/machine-id")) {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // a machine without this part is told by the others
		}
		h.Write([]byte(strings.TrimSpace(string(b)) + "\n"))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
