package pressure

import (
	"testing"
	"time"
)

// TestTheTotalOfTheLineOfSomeIsRead has the text that Linux writes.
func TestTheTotalOfTheLineOfSomeIsRead(t *testing.T) {
	const text = "some avg10=88.10 avg60=90.07 avg300=73.93 total=6441872494\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=12\n"
	if got, want := some(text), 6441872494*time.Microsecond; got != want {
		t.Errorf("some is %v, want %v", got, want)
	}
	if got := some("full avg10=0.00 avg60=0.00 avg300=0.00 total=12\n"); got != 0 {
		t.Errorf("without a line of some it is %v", got)
	}
}

// TestWhatOthersTookIsNotOwn compares the two times of a span.
func TestWhatOthersTookIsNotOwn(t *testing.T) {
	s := Span{began: time.Now().Add(-10 * time.Second), waited: waited() - 4*time.Second}
	if own := s.Own(); own > 6100*time.Millisecond {
		t.Errorf("of ten seconds in which somebody waited for four, %v are own", own)
	}
	if s.waited += 1000 * time.Hour; s.Own() < s.Took() {
		t.Errorf("%v are own of %v in which nobody waited", s.Own(), s.Took())
	}
}
