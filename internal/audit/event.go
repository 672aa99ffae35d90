package audit

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Kind is what an event tells of.
type Kind string

// The kinds of events.
const (
	Authentication Kind = "authentication" // a client said who it is, and was believed or not
	Authorization  Kind = "authorization"  // somebody was refused
	Request        Kind = "request"        // something was changed, or was to be
	Access         Kind = "access"         // data was read or written
	Lost           Kind = "lost"           // events were dropped for want of room
)

// Outcome is how it ended.
type Outcome string

// The outcomes.
const (
	Success Outcome = "success"
	Denied  Outcome = "denied"
	Failure Outcome = "failure"
)

// Resource is what somebody dealt with.
type Resource struct {
	Type string `json:"type"` // as in Kafka's tools: topic, group, cluster, transactional-id, delegation-token, user
	Name string `json:"name"`
}

// Problem is an error of a part of a request.
type Problem struct {
	Resource string `json:"resource,omitempty"`
	Error    string `json:"error"`
}

// Event is one line. Fields that an event has nothing to say about are left out of it.
type Event struct {
	Time    time.Time `json:"time"`
	Node    int32     `json:"node"`
	Kind    Kind      `json:"kind"`
	Outcome Outcome   `json:"outcome,omitempty"`

	Principal string `json:"principal,omitempty"`
	// Mechanism is how the principal was authenticated: a SASL mechanism, "SSL" for a certificate, "" for nobody who was asked.
	Mechanism   string `json:"mechanism,omitempty"`
	Token       bool   `json:"delegation_token,omitempty"`
	Client      string `json:"client,omitempty"` // its address
	Listener    string `json:"listener,omitempty"`
	ClientID    string `json:"client_id,omitempty"`
	Connection  string `json:"connection,omitempty"`
	Correlation *int32 `json:"correlation_id,omitempty"` // of the request
	API         string `json:"api,omitempty"`
	Version     *int16 `json:"version,omitempty"`

	Operation string          `json:"operation,omitempty"`
	Resources []Resource      `json:"resources,omitempty"`
	Asked     json.RawMessage `json:"asked,omitempty"` // what an administrative request asked for, without secrets
	Errors    []Problem       `json:"errors,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	Again     bool            `json:"again,omitempty"` // the client was known before

	// Of events that stand for several: how many, and from when to when.
	Count int64      `json:"count,omitempty"`
	First *time.Time `json:"first,omitempty"`
	Last  *time.Time `json:"last,omitempty"`
}

// Clients choose names: of resources that need not be there, and of themselves. They may have 32 KB each, in every request another one; more than
// longestName of one is not told, and longestText of a text for people.
const (
	longestName = 300
	longestText = 2000
)

// cut is a name that may be told. A hash stands for the rest of a long one, so that different ones stay different.
func cut(name string) string {
	if len(name) <= longestName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("%s...(%d bytes, SHA-256 %x)", strings.ToValidUTF8(name[:longestName], ""), len(name), sum[:8])
}

// bound cuts what a client may have made long.
func (e *Event) bound() {
	e.Principal, e.ClientID = cut(e.Principal), cut(e.ClientID)
	if len(e.Reason) > longestText {
		e.Reason = strings.ToValidUTF8(e.Reason[:longestText], "") + "..."
	}
	for i := range e.Resources {
		e.Resources[i].Name = cut(e.Resources[i].Name)
	}
	for i := range e.Errors {
		e.Errors[i].Resource = cut(e.Errors[i].Resource)
	}
}

// room is about what the event takes in a queue.
func (e *Event) room() int {
	const fixed = 512
	size := fixed + len(e.Asked) + len(e.Reason) + len(e.ClientID)
	for _, r := range e.Resources {
		size += len(r.Name) + len(r.Type)
	}
	for _, p := range e.Errors {
		size += len(p.Resource) + len(p.Error)
	}
	return size
}

// line is the event as JSON.
func (e *Event) line() []byte {
	e.Time = e.Time.UTC()
	text, err := json.Marshal(e)
	if err != nil { // only Asked could be to blame, which its maker has marshalled
		e.Asked = nil
		text, _ = json.Marshal(e)
	}
	return text
}
