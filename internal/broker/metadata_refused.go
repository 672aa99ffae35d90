package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/security"
)

// topicsByID is the first version of Metadata that may ask for topics by id alone: 10 and 11 have the field, but it was not to be used yet (KIP-516).
const topicsByID = 12

// namesTopics reports whether each topic that the request asks for is named in a way that the version allows.
func namesTopics(rq *kmsg.MetadataRequest) bool {
	for _, t := range rq.Topics {
		byID := t.TopicID != [16]byte{}
		if rq.Version < topicsByID && (byID || t.Topic == nil) || !byID && t.Topic == nil {
			return false
		}
	}
	return true
}

// refuseMetadata answers every topic with an error, and tells nothing of the cluster.
func refuseMetadata(rq *kmsg.MetadataRequest, code int16) *kmsg.MetadataResponse {
	resp := kmsg.NewPtrMetadataResponse()
	resp.ControllerID = -1
	resp.AuthorizedOperations = security.OperationsNotAsked
	if rq.Version >= 13 {
		resp.ErrorCode = code
	}
	for _, t := range rq.Topics {
		mt := kmsg.NewMetadataResponseTopic()
		mt.ErrorCode, mt.AuthorizedOperations = code, security.OperationsNotAsked
		mt.TopicID = t.TopicID
		if mt.Topic = t.Topic; t.Topic == nil {
			mt.Topic = new(string)
		}
		resp.Topics = append(resp.Topics, mt)
	}
	return resp
}
