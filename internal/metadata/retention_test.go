package metadata_test

import (
	"runtime"
	"testing"
	"time"

	"leat/internal/metadata"
)

// An image that keeps the one before it alive keeps all of them: every change of a topic would cost memory for ever.
func TestImagesDoNotKeepTheOnesBefore(t *testing.T) {
	first := make(chan struct{})
	image := metadata.NewDelta(metadata.Empty).Image(0, 1, 0)
	runtime.AddCleanup(image, func(done chan struct{}) { close(done) }, first)
	for offset := range int64(10) {
		image = metadata.NewDelta(image).Image(offset+1, 1, 0)
	}
	for until := time.Now().Add(time.Minute); time.Now().Before(until); { // the cleanup has a goroutine of its own, whose turn comes some time after the collection
		runtime.GC()
		select {
		case <-first:
			runtime.KeepAlive(image)
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Error("the first image is still there, after ten newer ones")
	runtime.KeepAlive(image)
}
