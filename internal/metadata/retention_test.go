package metadata_test

import (
	"runtime"
	"testing"

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
	for range 100 {
		runtime.GC()
		select {
		case <-first:
			runtime.KeepAlive(image)
			return
		default:
			runtime.Gosched()
		}
	}
	t.Error("the first image is still there, after ten newer ones")
	runtime.KeepAlive(image)
}
