package broker

import (
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/listener"
)

// askedOf is what the audit log tells of a request.
func askedOf(rq kmsg.Request) (asked string, resources int) {
	told, found := new(Handlers).auditAsked(&Call{Request: &listener.Request{Conn: new(listener.Conn)}, Body: rq})
	return string(told), len(found)
}

// TestWhatIsToldOfALargeRequestTakesLittleMemory: whoever may connect can send one, and be refused.
func TestWhatIsToldOfALargeRequestTakesLittleMemory(t *testing.T) {
	rq := kmsg.NewPtrCreateTopicsRequest()
	brokers := make([]int32, auditListMost)
	for i := range auditListMost {
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic = fmt.Sprint("t", i)
		for range auditListMost {
			topic.ReplicaAssignment = append(topic.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Replicas: brokers})
		}
		rq.Topics = append(rq.Topics, topic)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	asked, resources := askedOf(rq)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 || !strings.HasPrefix(asked, `{"bytes_left_out":`) || resources != auditListMost {
		t.Errorf("%d bytes to tell %.100s, and %d resources", took, asked, resources)
	}
}

func TestWhatIsAskedIsToldAsAWholeOrNotAtAll(t *testing.T) {
	for names := range 40 {
		rq := kmsg.NewPtrDeleteGroupsRequest()
		for i := range names {
			rq.Groups = append(rq.Groups, fmt.Sprint(strings.Repeat("g", 1200), i))
		}
		asked, resources := askedOf(rq)
		var told struct {
			Groups []string `json:"groups"`
			Left   int      `json:"bytes_left_out"`
		}
		if err := json.Unmarshal([]byte(asked), &told); err != nil {
			t.Fatal(err)
		}
		whole := len(told.Groups) == names && told.Left == 0
		if !whole && (len(told.Groups) > 0 || told.Left <= auditMost) || whole && names > 28 || !whole && names < 26 || resources != max(names, 1) {
			t.Errorf("%d groups: %d told, %d bytes left out, %d resources", names, len(told.Groups), told.Left, resources)
		}
	}
}

// TestNamesOfResourcesAreLookedForSoOften: one that is named again and again is no other resource, and to see that must have an end.
func TestNamesOfResourcesAreLookedForSoOften(t *testing.T) {
	rq := kmsg.NewPtrCreateTopicsRequest()
	for range 3 * auditLooks {
		rq.Topics = append(rq.Topics, kmsg.CreateTopicsRequestTopic{Topic: "orders"})
	}
	r := resourcesFound{}
	r.walk(&Call{}, reflect.ValueOf(rq).Elem())
	if len(r.all) != 1 || r.looked > auditLooks {
		t.Errorf("%d resources after %d looks", len(r.all), r.looked)
	}
}
