package rules

import (
	"embed"

	"weishao.dev/weishao/telemetry/record"
)

//go:embed packs/*.yaml
var packs embed.FS

// Shipped is the pack that comes with the program.
func Shipped() []record.File {
	entries, err := packs.ReadDir("packs")
	if err != nil {
		panic(err) // compiled in
	}
	var files []record.File
	for _, e := range entries {
		data, err := packs.ReadFile("packs/" + e.Name())
		if err != nil {
			panic(err) // compiled in
		}
		files = append(files, record.File{Name: "packs/" + e.Name(), Data: data})
	}
	return files
}
