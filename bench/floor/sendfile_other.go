//go:build !linux

package floor

import "errors"

const msgMore = 0

func sendfile(int, int, *int64, int) (int, error) {
	return 0, errors.New("the floor sends files on Linux only")
}
