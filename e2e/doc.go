// Package e2e tests whole programs: processes that are started as a user starts
// them, and killed for real. The tests say what is promised; harness does the work
// of starting, asking and killing.
package e2e
