//go:build !linux && !darwin

package listener

import "errors"

// hasSendfile: replies go through net.Conn, and file ranges are copied.
const hasSendfile = false

func (s *sender) writeBytesTo(uintptr) bool { return true }
func (s *sender) sendFileTo(uintptr) bool   { return true }

func readSocket(int, []byte) (int, bool, error) { return 0, false, errors.ErrUnsupported }
