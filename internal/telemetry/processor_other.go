//go:build !unix

package telemetry

import "time"

func processorTime() (time.Duration, bool) { return 0, false }

func diskBytes() (read, written int64, ok bool) { return 0, 0, false }
