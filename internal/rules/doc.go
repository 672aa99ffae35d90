// Package rules holds the rules of the house as tests: who may import whom, what a core room may not do, how long functions and files
// may be, and that every package says what it is for. It has no code of its own.
package rules
