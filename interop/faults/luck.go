package main

import (
	"context"
	"errors"
)

// runLuck is the cases of bad luck.
func runLuck(_ context.Context, _ options, _ ground, _ string) error {
	return errors.New("none yet")
}
