// Package arch holds the rules of the house as tests: which part may know which,
// that every package says what it is for, that every path named in the docs
// exists.
package arch
