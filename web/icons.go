package web

import "html/template"

// shapes are the icons' outlines in a 24 × 24 box, drawn with a round stroke in
// the text's colour. Hazards are named as in the API.
var shapes = map[string]string{
	"gas_leak":        `<path d="M7 15a4 4 0 1 1 .6-7.950A5.500 5.500 0 0 1 18 8.600 3.300 3.300 0 0 1 17.500 15M9 19v2M12 15v6M15 19v2"/>`,
	"co":              `<path d="M10.500 9A3.500 3.500 0 1 0 10.500 15M17 8.500a3.500 3.500 0 1 0 .01 0zM20 19.500h1.500"/>`,
	"smoke":           `<path d="M6 21c-2.500-3 2-5 0-9s2-5 0-9M12 21c-2.500-3 2-5 0-9s2-5 0-9M18 21c-2.500-3 2-5 0-9s2-5 0-9"/>`,
	"fire":            `<path d="M12 2.500c1 4.500 6.500 6.500 6.500 12a6.500 6.500 0 0 1-13 0c0-2.500 1.200-4.500 3-5.500 0 2 .8 3 1.800 3 1.700-3-.3-6 1.700-9.500z"/>`,
	"flying_wire":     `<path d="M8.500 2.500v5M15.500 2.500v5M6 7.500h12v3.500a6 6 0 0 1-12 0zM12 17v1.500a3 3 0 0 0 6 .5"/>`,
	"overload":        `<path d="M13.500 2 5 13.500h6L10 22l8.500-11.500h-6z"/>`,
	"leakage_current": `<path d="M12 2.500s7 7.500 7 12a7 7 0 0 1-14 0c0-4.500 7-12 7-12zM12.500 10l-2.500 4h4l-2.500 4"/>`,
	"overheat":        `<path d="M14.500 14V5a2.500 2.500 0 0 0-5 0v9a4.500 4.500 0 1 0 5 0zM12 9v8.500"/>`,
	"unsupervised":    `<path d="M3 3l18 18M10.500 5.700A9 9 0 0 1 12 5.500c5 0 8.800 4.300 10 6.500a17 17 0 0 1-3 3.700M6.500 7.300C4.300 8.800 2.700 10.800 2 12c1.200 2.200 5 6.500 10 6.500a9.500 9.500 0 0 0 4.500-1.200M9.900 9.900a3 3 0 0 0 4.200 4.200"/>`,
	"fault":           `<path d="M12 3.500 2 20.500h20zM12 10v5M12 17.700v.1"/>`,
	"check":           `<path d="M4 12.500l5.500 5.500L20 6.500"/>`,
	"bell":            `<path d="M6 10a6 6 0 0 1 12 0c0 6 2.500 7 2.500 7h-17S6 16 6 10zM10 20.500a2.200 2.200 0 0 0 4 0"/>`,
	"belloff":         `<path d="M3 3l18 18M8 5.500A6 6 0 0 1 18 10c0 2 .3 3.500.8 4.600M6.300 8.500C6 15.500 3.500 17 3.500 17H16M10 20.500a2.200 2.200 0 0 0 4 0"/>`,
	"phone":           `<path d="M5 3h4l2 5-2.500 1.500a12 12 0 0 0 6 6L16 13l5 2v4a2 2 0 0 1-2 2A16 16 0 0 1 3 5a2 2 0 0 1 2-2z"/>`,
	"pin":             `<path d="M12 21.500s7-6.500 7-11.500a7 7 0 0 0-14 0c0 5 7 11.500 7 11.500zM12 7.500a2.500 2.500 0 1 0 .01 0z"/>`,
	"user":            `<path d="M12 3.500a4 4 0 1 0 .01 0zM4 21c.5-4.500 3.500-7 8-7s7.500 2.500 8 7"/>`,
	"eye":             `<path d="M2 12c1.200-2.200 5-6.500 10-6.500s8.800 4.300 10 6.500c-1.200 2.200-5 6.500-10 6.500S3.200 14.200 2 12zM12 9a3 3 0 1 0 .01 0z"/>`,
	"print":           `<path d="M7 8V3h10v5M7 17H4V8h16v9h-3M7 14h10v7H7z"/>`,
	"next":            `<path d="M9 5l7 7-7 7"/>`,
	"offline":         `<path d="M3 3l18 18M2.500 9A14 14 0 0 1 8 5.800M12 5a14 14 0 0 1 9.500 4M5.800 12.500a9.500 9.500 0 0 1 4-2.300M15 10.600a9.500 9.500 0 0 1 3.200 1.900M9.200 16a4.500 4.500 0 0 1 5.600 0M12 19.500v.1"/>`,
}

// icon is an inline SVG, hidden from screen readers: the word stands beside it.
// An unknown hazard gets the warning triangle.
func icon(name any) template.HTML {
	shape, ok := shapes[asString(name)]
	if !ok {
		shape = shapes["fault"]
	}
	return template.HTML(`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">` + shape + `</svg>`)
}
