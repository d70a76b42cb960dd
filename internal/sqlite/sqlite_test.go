package sqlite

import "testing"

func TestCheckVersion(t *testing.T) {
	for version, ok := range map[string]bool{
		"3.51.3": true, "3.51.10": true, "3.52.0": true, "4.0.0": true,
		"3.51.2": false, "3.9.9": false, "2.99.99": false, "": false, "x": false,
	} {
		if err := checkVersion(version); (err == nil) != ok {
			t.Errorf("SQLite %q: got %v, want ok %t", version, err, ok)
		}
	}
}
