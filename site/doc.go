// Package site is the inventory: the hierarchy from community to dwelling, the
// places and zones in it, the devices and the gateways they hang on, the people,
// and who of them is on duty.
//
// Load reads one YAML file strictly; every mistake stands with its line and
// column. A Site is immutable: a change of the file is a new Site with a new
// Version, and both go into the hub's log, so that a verdict can be understood
// by the site that was in effect at its time.
package site
