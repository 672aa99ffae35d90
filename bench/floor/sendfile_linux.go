package floor

import "golang.org/x/sys/unix"

const msgMore = unix.MSG_MORE

func sendfile(socket, file int, position *int64, size int) (int, error) {
	return unix.Sendfile(socket, file, position, size)
}
