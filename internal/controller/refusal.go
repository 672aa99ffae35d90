package controller

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// refusal is an error as clients see it: Kafka's code, and a message in Kafka's words, because people search for them. An empty message
// is null.
type refusal struct {
	code    *kerr.Error
	message string
}

func refuse(code *kerr.Error, format string, args ...any) *refusal {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

// Code and Message fill a result; both work on nil, which is no error.
func (r *refusal) Code() int16 {
	if r == nil {
		return 0
	}
	return r.code.Code
}

func (r *refusal) Message() *string {
	if r == nil || r.message == "" {
		return nil
	}
	return &r.message
}

// Unwrap is the code, for who hands the refusal of a whole request on.
func (r *refusal) Unwrap() error { return r.code }

func (r *refusal) Error() string { return r.code.Message + ": " + r.message }
