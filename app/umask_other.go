//go:build !unix

package app

// ownFiles is for systems that have such modes.
func ownFiles() {}
