//go:build !linux

package cli

// thisMachine does not show its processes.
var thisMachine = machine{processes: func() ([]process, error) { return nil, errNoProcesses }}
