package metadata

import (
	"sync"
	"testing"
)

// Records of an image are written to checkpoints, compared and read at the same time. Nothing of that may change them: run with -race.
func TestRecordsAreWrittenByManyAtOnce(t *testing.T) {
	rack := "a"
	shared := []Record{
		&RegisterControllerRecord{ControllerID: 1, EndPoints: []RecordEndpoint{{Name: "CONTROLLER", Host: "h", Port: 9093}}},
		&RegisterBrokerRecord{BrokerID: 1, Rack: &rack, EndPoints: []RecordEndpoint{{Name: "PLAINTEXT", Host: "h", Port: 9092}}, Fenced: true},
		&PartitionRecord{Replicas: []int32{1}, ISR: []int32{1}, AddingReplicas: []int32{}},
		&ClientQuotaRecord{QuotaKey: "producer_byte_rate", Value: 7.5},
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for _, r := range shared {
				if len(AppendRecord(nil, r)) == 0 {
					t.Errorf("%T: nothing was written", r)
				}
			}
		})
	}
	all.Wait()
}
