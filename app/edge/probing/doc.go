// Package probing looks at what hangs on a board's buses, and says how to name it in a
// gateway's configuration.
//
// It only reads. On I²C each address is read by one byte, as i2cdetect does where
// writing is not safe; what answers is then asked, by the registers of the parts that
// can have that address, what it is. That writes a register's number and nothing else.
// On Modbus, registers are read. GPIO lines are not touched.
package probing

import (
	"fmt"
	"io"
	"strings"
)

// Found is one thing that was recognised, or not.
type Found struct {
	Where string // "/dev/i2c-1 0x76"
	What  string // "BME280", or what is known of it
	YAML  string // an entry of "devices"; empty if there is none to paste
}

// Print writes what was found, and then everything that can be pasted.
func Print(w io.Writer, list []Found) error {
	var s strings.Builder
	paste := ""
	for _, f := range list {
		fmt.Fprintf(&s, "%-36s %s\n", f.Where, f.What)
		if f.YAML != "" {
			paste += "  - " + f.YAML + "\n"
		}
	}
	if len(list) == 0 {
		s.WriteString("nothing was found\n")
	}
	if paste != "" {
		s.WriteString("\ndevices: # give each a name and a placement that say where it is\n" + paste)
	}
	_, err := io.WriteString(w, s.String())
	return err
}
