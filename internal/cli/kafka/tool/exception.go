package tool

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// An Exception is an error as Kafka's clients have it: tools print its message, or its class and its message.
type Exception struct {
	Class   string
	Message string
}

func (e *Exception) Error() string { return e.Message }

// Describe is what Java prints of an error: its class, if it has one, and its message.
func Describe(err error) string {
	var (
		e *Exception
		o *OptionError
	)
	switch {
	case errors.As(err, &e):
		if e.Message == "" || e.Class == "" {
			return e.Class + e.Message
		}
		return e.Class + ": " + e.Message
	case errors.As(err, &o):
		return o.describe()
	}
	return err.Error()
}

// Executed is an error as it comes out of what was waited for: its message is the class and the message of its cause.
func Executed(err error) error {
	if err == nil {
		return nil
	}
	return &Exception{"java.util.concurrent.ExecutionException", Describe(err)}
}

// Said is an error in a tool's own words, which begin as Kafka has them.
func Said(text string) error { return &Exception{Message: text} }

// Saidf is [Said] with a format.
func Saidf(format string, args ...any) error { return Said(fmt.Sprintf(format, args...)) }

// Illegal is what Java's methods say of a wrong argument.
func Illegal(format string, args ...any) error {
	return &Exception{"java.lang.IllegalArgumentException", fmt.Sprintf(format, args...)}
}

// commonErrors is the package of Kafka's exceptions.
const commonErrors = "org.apache.kafka.common.errors."

// Refused is the error of an answer of Kafka's protocol; nil if the code says that there is none.
func Refused(code int16, message *string) error {
	if code == 0 {
		return nil
	}
	e := &Exception{Class: commonErrors + exceptionClass(code)}
	var k *kerr.Error
	if errors.As(kerr.ErrorForCode(code), &k) {
		e.Message = defaultMessage(k)
	}
	if message != nil && *message != "" {
		e.Message = *message
	}
	return e
}

// AsRefused gives the errors of a client of the protocol the form of Kafka's.
func AsRefused(err error) error {
	var k *kerr.Error
	if errors.As(err, &k) {
		return Refused(k.Code, nil)
	}
	return err
}

// IsRefused tells whether an error is an answer with a code.
func IsRefused(err error, code int16) bool {
	var e *Exception
	return errors.As(err, &e) && e.Class == commonErrors+exceptionClass(code)
}
