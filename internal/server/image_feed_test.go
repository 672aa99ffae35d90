package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/metadata"
)

func TestAwaitWakesWithTheImageThatFits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newImageFeed()
		go func() {
			for offset := range int64(2) {
				time.Sleep(time.Second)
				f.publish(&metadata.Image{Offset: offset})
			}
		}()
		started := time.Now()
		if err := f.await(t.Context(), func(im *metadata.Image) bool { return im.Offset >= 1 }); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(started); waited != 2*time.Second {
			t.Errorf("woke after %v, want 2s", waited)
		}
		synctest.Wait()
	})
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := newImageFeed().await(ctx, func(*metadata.Image) bool { return false })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("await = %v, want the context's end", err)
		}
	})
}
