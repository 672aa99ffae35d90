package coordinator

import "testing"

func TestBuffersAreKeptWithinABound(t *testing.T) {
	var b buffers
	small, large := &buffer{bytes: make([]byte, 0, 100)}, &buffer{bytes: make([]byte, 0, 1000)}
	b.put(small, 1000)
	b.put(large, 1000)
	if bytes, discarded := b.kept(); bytes != 100 || discarded != 1 {
		t.Errorf("%d bytes kept, %d buffers discarded", bytes, discarded)
	}
	if b.take() != small {
		t.Error("the buffer that was kept is not taken")
	}
	b.put(large, 1000)
	if b.take() != large || b.take() == small {
		t.Error("a buffer is taken twice, or a large one was not kept")
	}
	if bytes, _ := b.kept(); bytes != 0 {
		t.Errorf("%d bytes kept", bytes)
	}
}
