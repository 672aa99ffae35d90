//go:build !linux

package cli

// forgetProgramPages is for Linux only.
func forgetProgramPages() {}
