package tenant

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// requestsElsewhere turn what the kind of a field alone does not tell, after the other fields.
var requestsElsewhere = map[int16]func(*Exchange, kmsg.Request) error{
	2:  ofClient,
	10: coordinatorIn,
	23: ofClient,
	29: describeACLsIn,
	30: createACLsIn,
	31: deleteACLsIn,
	32: describeConfigsIn,
	33: alterConfigsIn,
	44: incrementalAlterConfigsIn,
	75: topicPartitionsIn,
}

// responsesElsewhere are told after the other fields of the answer are turned.
var responsesElsewhere = map[int16]func(*Exchange, kmsg.Response){
	29: describeACLsOut,
	31: deleteACLsOut,
	32: describeConfigsOut,
	33: alterConfigsOut,
	35: logDirsOut,
	44: incrementalAlterConfigsOut,
	74: configResourcesOut,
}

// ofClient takes a client that says it is a replica for what it is.
func ofClient(_ *Exchange, rq kmsg.Request) error {
	switch rq := rq.(type) {
	case *kmsg.ListOffsetsRequest:
		rq.ReplicaID = min(rq.ReplicaID, -1)
	case *kmsg.OffsetForLeaderEpochRequest:
		rq.ReplicaID = min(rq.ReplicaID, -1)
	}
	return nil
}

// The types of coordinators.
const (
	coordinatorOfGroup       = 0
	coordinatorOfTransaction = 1
	coordinatorOfShare       = 2
)

func coordinatorIn(x *Exchange, request kmsg.Request) error {
	rq := request.(*kmsg.FindCoordinatorRequest)
	kinds := map[int8]kind{coordinatorOfGroup: group, coordinatorOfTransaction: transactionalID}
	k, known := kinds[rq.CoordinatorType]
	if !known {
		return nil // there is none of such a type
	}
	asked := make(map[string]string, len(rq.CoordinatorKeys)) // by inner name
	var err error
	if rq.CoordinatorKey, err = x.nameIn(k, rq.CoordinatorKey); err != nil {
		return err
	}
	for i, key := range rq.CoordinatorKeys {
		inner, err := x.nameIn(k, key)
		if err != nil {
			return err
		}
		rq.CoordinatorKeys[i], asked[inner] = inner, key
	}
	x.after = append(x.after, func(resp kmsg.Response) {
		r := resp.(*kmsg.FindCoordinatorResponse)
		for i := range r.Coordinators {
			r.Coordinators[i].Key = asked[r.Coordinators[i].Key]
		}
	})
	return nil
}

// topicPartitionsIn has pages of all topics begin with the tenant's; the cursor of the last one falls out of the answer, because it is not the tenant's.
func topicPartitionsIn(x *Exchange, request kmsg.Request) error {
	rq := request.(*kmsg.DescribeTopicPartitionsRequest)
	if len(rq.Topics) == 0 && rq.Cursor == nil {
		rq.Cursor = new(kmsg.DescribeTopicPartitionsRequestCursor)
		rq.Cursor.Topic, rq.Cursor.Partition = x.prefix, 0
	}
	return nil
}

// logDirsOut hides how full the disks are, which tells of others.
func logDirsOut(_ *Exchange, response kmsg.Response) {
	resp := response.(*kmsg.DescribeLogDirsResponse)
	for i := range resp.Dirs {
		resp.Dirs[i].TotalBytes, resp.Dirs[i].UsableBytes = -1, -1
	}
}

// configResourcesOut keeps topics and groups of the tenant.
func configResourcesOut(x *Exchange, response kmsg.Response) {
	resp := response.(*kmsg.ListConfigResourcesResponse)
	kept := slices.Clone(resp.ConfigResources)
	resp.ConfigResources = slices.DeleteFunc(kept, func(r kmsg.ListConfigResourcesResponseConfigResource) bool {
		return !ofTenants(kmsg.ConfigResourceType(r.Type)) || !x.Owns(r.Name)
	})
	for i := range kept[:len(resp.ConfigResources)] {
		kept[i].Name, _ = x.Plain(kept[i].Name)
	}
}
