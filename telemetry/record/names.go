package record

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// String is the epoch as a UUID is written: 8-4-4-4-12 hex digits.
func (e Epoch) String() string {
	s := hex.EncodeToString(e[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// IsZero reports whether e is the epoch of nodes that are not ours.
func (e Epoch) IsZero() bool { return e == Epoch{} }

var errEpoch = errors.New("an epoch is a UUID, 8-4-4-4-12 hex digits, not all zero")

// ParseEpoch reads what String wrote. The zero epoch is refused.
func ParseEpoch(s string) (Epoch, error) {
	var e Epoch
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return Epoch{}, errEpoch
	}
	digits := s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	if _, err := hex.Decode(e[:], []byte(digits)); err != nil || e.IsZero() {
		return Epoch{}, errEpoch
	}
	return e, nil
}

var runKindNames = [...]string{Live: "live", Alarm: "alarm", Backlog: "backlog"}

func (k RunKind) String() string {
	if int(k) < len(runKindNames) {
		return runKindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ParseRunKind reads a kind's name.
func ParseRunKind(s string) (RunKind, error) {
	for k, name := range runKindNames {
		if name == s {
			return RunKind(k), nil
		}
	}
	return 0, fmt.Errorf("unknown kind of run %.20q (one of %s)", s, strings.Join(runKindNames[:], ", "))
}

// FormatRanges writes ranges as "5-9,12-20"; "" for none.
func FormatRanges(ranges []Range) string {
	var b []byte
	for i, r := range ranges {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, r.From, 10)
		b = append(b, '-')
		b = strconv.AppendUint(b, r.To, 10)
	}
	return string(b)
}

// maxRanges bounds what a hostile list can make the reader hold.
const maxRanges = 10_000

var errRanges = errors.New("ranges are written 5-9,12-20: ascending, apart, from 1")

// ParseRanges reads what FormatRanges wrote. Ranges must ascend and not overlap.
func ParseRanges(s string) ([]Range, error) {
	if s == "" {
		return nil, nil
	}
	var list []Range
	last := uint64(0)
	for part := range strings.SplitSeq(s, ",") {
		from, to, _ := strings.Cut(part, "-")
		a, errA := strconv.ParseUint(from, 10, 64)
		b, errB := strconv.ParseUint(to, 10, 64)
		if errA != nil || errB != nil || a <= last || b < a || len(list) == maxRanges {
			return nil, errRanges
		}
		list, last = append(list, Range{From: a, To: b}), b
	}
	return list, nil
}
