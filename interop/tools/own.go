package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"

	"leat/interop/kafkatools"
)

// leatTool runs leat's.
func leatTool(ctx context.Context, binary, dir, name string, args []string) (kafkatools.Said, error) {
	ctx, cancel := context.WithTimeout(ctx, kafkatools.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append([]string{name}, args...)...)
	cmd.Dir = dir
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	if ctx.Err() != nil {
		return kafkatools.Said{}, fmt.Errorf("leat %s: no end within %s", name, kafkatools.Patience)
	}
	return kafkatools.Said{Status: cmd.ProcessState.ExitCode(), Out: out.String(), Err: problems.String()}, err
}
