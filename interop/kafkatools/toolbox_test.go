package kafkatools

import "testing"

func TestTextIsBothOutputsWithoutJavasMark(t *testing.T) {
	s := Said{Status: 1, Out: "one\n", Err: "Exception in thread \"main\" java.lang.RuntimeException: no\n"}
	if got := s.Text(); got != "one\njava.lang.RuntimeException: no\n" {
		t.Error(got)
	}
}
