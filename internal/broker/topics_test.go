package broker

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

func createOf(names ...string) *kmsg.CreateTopicsRequest {
	rq := kmsg.NewPtrCreateTopicsRequest()
	for _, name := range names {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = name, 1, 1
		rq.Topics = append(rq.Topics, t)
	}
	return rq
}

func deleteOf(name string) *kmsg.DeleteTopicsRequest {
	rq := kmsg.NewPtrDeleteTopicsRequest()
	rq.TopicNames = []string{name}
	rq.Topics = []kmsg.DeleteTopicsRequestTopic{{Topic: &name}, {TopicID: topicID(name)}}
	return rq
}

func growTo(name string, count int32) *kmsg.CreatePartitionsRequest {
	rq := kmsg.NewPtrCreatePartitionsRequest()
	rq.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: name, Count: count}}
	return rq
}

func electionOf(name string) *kmsg.ElectLeadersRequest {
	rq := kmsg.NewPtrElectLeadersRequest()
	rq.Topics = []kmsg.ElectLeadersRequestTopic{{Topic: name, Partitions: []int32{0, 1}}}
	return rq
}

func levelOf(name string, level int16) *kmsg.UpdateFeaturesRequest {
	rq := kmsg.NewPtrUpdateFeaturesRequest()
	rq.FeatureUpdates = []kmsg.UpdateFeaturesRequestFeatureUpdate{{Feature: name, MaxVersionLevel: level, UpgradeType: 1}}
	return rq
}

func farewellTo(broker int32) *kmsg.UnregisterBrokerRequest {
	rq := kmsg.NewPtrUnregisterBrokerRequest()
	rq.BrokerID = broker
	return rq
}

func reassignmentOf(name string) *kmsg.AlterPartitionAssignmentsRequest {
	rq := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	t := kmsg.NewAlterPartitionAssignmentsRequestTopic()
	t.Topic, t.Partitions = name, []kmsg.AlterPartitionAssignmentsRequestTopicPartition{{Partition: 0}, {Partition: 1, Replicas: []int32{2}}}
	rq.Topics = append(rq.Topics, t)
	return rq
}

// outcomes lists the errors of an answer.
func outcomes(resp kmsg.Response) string {
	var out []string
	add := func(what string, code int16) { out = append(out, strings.TrimSpace(what+" "+errorName(code))) }
	switch r := resp.(type) {
	case *kmsg.CreateTopicsResponse:
		for _, t := range r.Topics {
			add(t.Topic, t.ErrorCode)
		}
	case *kmsg.DeleteTopicsResponse:
		for _, t := range r.Topics {
			add(nameOr(t.Topic, fmt.Sprint("id ", t.TopicID[1])), t.ErrorCode)
		}
	case *kmsg.CreatePartitionsResponse:
		for _, t := range r.Topics {
			add(t.Topic, t.ErrorCode)
		}
	case *kmsg.ElectLeadersResponse:
		add("all", r.ErrorCode)
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				add(fmt.Sprintf("%s-%d", t.Topic, p.Partition), p.ErrorCode)
			}
		}
	case *kmsg.UpdateFeaturesResponse:
		add("all", r.ErrorCode)
	case *kmsg.UnregisterBrokerResponse:
		add("all", r.ErrorCode)
	case *kmsg.AlterPartitionAssignmentsResponse:
		add("all", r.ErrorCode)
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				add(fmt.Sprintf("%s-%d", t.Topic, p.Partition), p.ErrorCode)
			}
		}
	case *kmsg.ListPartitionReassignmentsResponse:
		add("all", r.ErrorCode)
	case *kmsg.UnregisterControllerResponse:
		add("all", r.ErrorCode)
	default:
		add("all", reflect.ValueOf(resp).Elem().FieldByName("ErrorCode").Interface().(int16))
	}
	return strings.Join(out, ", ")
}

// hand sends a request at a version and returns its outcomes.
func hand(c *client, rq kmsg.Request, version int16) string {
	c.t.Helper()
	c.send(rq, version)
	return outcomes(c.receive())
}

func TestChangesAreAnsweredWhenThisNodeShowsThem(t *testing.T) {
	tests := map[string]struct {
		rq     kmsg.Request
		answer kmsg.Response
		change metadata.Record
		want   string
	}{
		"a new topic": {createOf("new"), &kmsg.CreateTopicsResponse{Topics: []kmsg.CreateTopicsResponseTopic{{Topic: "new"}}},
			&metadata.TopicRecord{Name: "new", TopicID: topicID("new")}, "new"},
		"a topic less": {deleteOf("old"), &kmsg.DeleteTopicsResponse{Topics: []kmsg.DeleteTopicsResponseTopic{{Topic: new("old"), TopicID: topicID("old")}}},
			&metadata.RemoveTopicRecord{TopicID: topicID("old")}, "old"},
		"more partitions": {growTo("old", 2), &kmsg.CreatePartitionsResponse{Topics: []kmsg.CreatePartitionsResponseTopic{{Topic: "old"}}},
			&metadata.PartitionRecord{PartitionID: 1, TopicID: topicID("old"), Replicas: []int32{2}, ISR: []int32{2}, Leader: 2}, "old"},
		"a feature's level": {levelOf("share.version", 2), &kmsg.UpdateFeaturesResponse{},
			&metadata.FeatureLevelRecord{Name: "share.version", FeatureLevel: 2}, "all"},
		"a controller less": {&kmsg.UnregisterControllerRequest{ControllerID: 5}, &kmsg.UnregisterControllerResponse{},
			&metadata.UnregisterControllerRecord{ControllerID: 5}, "all"},
		"a broker less": {farewellTo(2), &kmsg.UnregisterBrokerResponse{}, &metadata.UnregisterBrokerRecord{BrokerID: 2, BrokerEpoch: 78}, "all"},
	}
	for name, test := range tests {
		for _, shown := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, shown %v", name, shown), func(t *testing.T) {
				withAdmin(t, nil, func(t *testing.T, n *adminNode, c, _ *client) {
					n.makeTopicOn("old", 1, []int32{2})
					n.publish(&metadata.RegisterControllerRecord{ControllerID: 5})
					n.answer = func(kmsg.Request) (kmsg.Response, error) { return test.answer, nil }
					published := make(chan struct{})
					if shown {
						go func() {
							defer close(published)
							time.Sleep(time.Second)
							n.publish(test.change)
						}()
					} else {
						close(published)
					}
					began := time.Now()
					if got := hand(c, test.rq, test.rq.MaxVersion()); got != test.want {
						t.Errorf("%s, want %s", got, test.want)
					}
					// A node that lags is not waited for without end.
					waited, least, most := time.Since(began), time.Second, time.Second+10*time.Millisecond
					if !shown {
						least, most = 2*time.Second, 2*time.Second+10*time.Millisecond
					}
					if waited < least || waited > most {
						t.Errorf("answered after %v", waited)
					}
					<-published
				})
			})
		}
	}
}

func TestNothingIsWaitedForThatDoesNotChange(t *testing.T) {
	refused := kerr.InvalidRequest.Code
	dry := map[string]kmsg.Request{"create": createOf("new"), "grow": growTo("old", 2), "features": levelOf("share.version", 2)}
	dry["create"].(*kmsg.CreateTopicsRequest).ValidateOnly = true
	dry["grow"].(*kmsg.CreatePartitionsRequest).ValidateOnly = true
	dry["features"].(*kmsg.UpdateFeaturesRequest).ValidateOnly = true
	answers := map[string]kmsg.Response{
		"create":   &kmsg.CreateTopicsResponse{Topics: []kmsg.CreateTopicsResponseTopic{{Topic: "new"}}},
		"grow":     &kmsg.CreatePartitionsResponse{Topics: []kmsg.CreatePartitionsResponseTopic{{Topic: "old"}}},
		"features": &kmsg.UpdateFeaturesResponse{},
	}
	failed := map[string]kmsg.Request{"create": createOf("new"), "grow": growTo("old", 2), "delete": deleteOf("old"), "features": levelOf("share.version", 2), "leave": farewellTo(2)}
	failures := map[string]kmsg.Response{
		"create":   &kmsg.CreateTopicsResponse{Topics: []kmsg.CreateTopicsResponseTopic{{Topic: "new", ErrorCode: refused}}},
		"grow":     &kmsg.CreatePartitionsResponse{Topics: []kmsg.CreatePartitionsResponseTopic{{Topic: "old", ErrorCode: refused}}},
		"delete":   &kmsg.DeleteTopicsResponse{Topics: []kmsg.DeleteTopicsResponseTopic{{Topic: new("old"), TopicID: topicID("old"), ErrorCode: refused}}},
		"features": &kmsg.UpdateFeaturesResponse{ErrorCode: refused},
		"leave":    &kmsg.UnregisterBrokerResponse{ErrorCode: refused},
	}
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, _ *client) {
		n.makeTopicOn("old", 1, []int32{2})
		run := func(requests map[string]kmsg.Request, answers map[string]kmsg.Response, suffix string) {
			for name, rq := range requests {
				n.answer = func(kmsg.Request) (kmsg.Response, error) { return answers[name], nil }
				began := time.Now()
				if got := hand(c, rq, rq.MaxVersion()); !strings.HasSuffix(got, suffix) {
					t.Errorf("%s: %s", name, got)
				}
				if waited := time.Since(began); waited > 0 {
					t.Errorf("%s: answered after %v", name, waited)
				}
			}
		}
		run(dry, answers, "")
		run(failed, failures, "INVALID_REQUEST")
		n.answer = func(kmsg.Request) (kmsg.Response, error) {
			return &kmsg.ElectLeadersResponse{Topics: []kmsg.ElectLeadersResponseTopic{{Topic: "old",
				Partitions: []kmsg.ElectLeadersResponseTopicPartition{{Partition: 0, ErrorCode: kerr.ElectionNotNeeded.Code}}}}}, nil
		}
		if got := hand(c, electionOf("old"), 2); got != "all, old-0 ELECTION_NOT_NEEDED" || n.awaited > 5 {
			t.Errorf("%s, %d waits", got, n.awaited)
		}
	})
}

func TestAControllerThatIsGoneIsToldForEveryPart(t *testing.T) {
	tests := map[string]struct {
		rq      kmsg.Request
		version int16
		want    string // % stands for the error
	}{
		"create":            {createOf("a", "b"), 7, "a %, b %"},
		"delete by name":    {deleteOf("a"), 5, "a %"},
		"delete by either":  {deleteOf("a"), 6, "a %, id 97 %"},
		"grow":              {growTo("a", 2), 3, "a %"},
		"elect":             {electionOf("a"), 2, "all %, a-0 %, a-1 %"},
		"elect, oldest":     {electionOf("a"), 0, "all, a-0 %, a-1 %"},
		"features":          {levelOf("share.version", 2), 2, "all %"},
		"unregister":        {farewellTo(2), 0, "all %"},
		"reassign":          {reassignmentOf("a"), 1, "all %, a-0 %, a-1 %"},
		"reassignments":     {kmsg.NewPtrListPartitionReassignmentsRequest(), 0, "all %"},
		"a controller less": {kmsg.NewPtrUnregisterControllerRequest(), 0, "all %"},
	}
	reasons := map[string]error{
		"NOT_CONTROLLER":       errors.New("no active controller"),
		"REQUEST_TIMED_OUT":    context.DeadlineExceeded,
		"UNKNOWN_SERVER_ERROR": fmt.Errorf("%w: it panicked", kerr.UnknownServerError),
	}
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, control *client) {
		for want, reason := range reasons {
			n.answer = func(kmsg.Request) (kmsg.Response, error) { return nil, reason }
			for name, test := range tests {
				for _, c := range []*client{c, control} {
					if got := hand(c, test.rq, test.version); got != strings.ReplaceAll(test.want, "%", want) {
						t.Errorf("%s: %s, want %s", name, got, strings.ReplaceAll(test.want, "%", want))
					}
				}
			}
		}
		n.answer = nil // it does not answer at all
		rq := createOf("a")
		rq.TimeoutMillis = 3000
		began := time.Now()
		if got := hand(c, rq, 7); got != "a REQUEST_TIMED_OUT" || time.Since(began) != 3*time.Second {
			t.Errorf("%s after %v", got, time.Since(began))
		}
		if n.awaited > 0 {
			t.Error("waited for an image after a refusal")
		}
	})
}

func TestThereAreNoTransactions(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, _ *adminNode, c, _ *client) {
		for v := int16(0); v <= 2; v++ {
			rq := kmsg.NewPtrListTransactionsRequest()
			rq.StateFilters = []string{"Ongoing", "Nonsense", "PrepareEpochFence"}
			resp := ask[*kmsg.ListTransactionsResponse](c, rq, v)
			if resp.ErrorCode != 0 || len(resp.TransactionStates) != 0 || fmt.Sprint(resp.UnknownStateFilters) != "[Nonsense]" {
				t.Errorf("v%d: %+v", v, resp)
			}
		}
		for pattern, want := range map[string]string{"app-.*": "", "(": "INVALID_REGULAR_EXPRESSION"} {
			rq := kmsg.NewPtrListTransactionsRequest()
			rq.TransactionalIDPattern = &pattern
			if got := errorName(ask[*kmsg.ListTransactionsResponse](c, rq, 2).ErrorCode); got != want {
				t.Errorf("pattern %s: %s", pattern, got)
			}
		}
		rq := kmsg.NewPtrDescribeTransactionsRequest()
		rq.TransactionalIDs = []string{"app-1", "app-2"}
		resp := ask[*kmsg.DescribeTransactionsResponse](c, rq, 0)
		if len(resp.TransactionStates) != 2 || resp.TransactionStates[1].TransactionalID != "app-2" || errorName(resp.TransactionStates[1].ErrorCode) != "TRANSACTIONAL_ID_NOT_FOUND" {
			t.Errorf("%+v", resp)
		}
	})
}
