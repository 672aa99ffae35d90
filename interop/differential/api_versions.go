package main

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func apiVersions(s *side) {
	software := func(name, version string) func() kmsg.Request {
		return func() kmsg.Request {
			req := kmsg.NewPtrApiVersionsRequest()
			req.ClientSoftwareName, req.ClientSoftwareVersion = name, version
			return req
		}
	}
	s.askAll(kmsg.ApiVersions,
		ask{"plain", software("differential", "1.0")},
		ask{"empty names", software("", "")},
		ask{"empty version", software("differential", "")},
		ask{"a space in the name", software("a b", "1.0")},
		ask{"name starts with a dot", software(".a", "1.0")},
		ask{"name ends with a hyphen", software("a-", "1.0")},
		ask{"slash in the version", software("a", "1/0")},
		ask{"long name", software(strings.Repeat("n", 300), "1.0")},
		ask{"one letter", software("a", "1")},
		ask{"umlaut", software("ä", "1")},
	)
	// From version 5 on a client may say which node it believes to talk to.
	for _, of := range []struct {
		step    string
		cluster *string
		node    int32
	}{
		{"right cluster and node", ptr(s.names.cluster), 1},
		{"wrong cluster", ptr("nowhere"), 1},
		{"wrong node", ptr(s.names.cluster), 7},
		{"cluster without node", ptr(s.names.cluster), -1},
		{"wrong cluster without node", ptr("nowhere"), -1},
		{"node without cluster", nil, 1},
		{"wrong node without cluster", nil, 7},
		{"empty cluster", ptr(""), 1},
	} {
		req := kmsg.NewPtrApiVersionsRequest()
		req.ClientSoftwareName, req.ClientSoftwareVersion, req.ClusterID, req.NodeID = "a", "1", of.cluster, of.node
		s.do(of.step, 5, req)
		s.hangUp()
	}
	for _, v := range []int16{6, 99, 32767, -1} {
		req := kmsg.NewPtrApiVersionsRequest()
		req.ClientSoftwareName, req.ClientSoftwareVersion = "a", "1"
		s.do("unknown version", v, req)
	}
	s.do("connection goes on after an unknown version", 0, kmsg.NewPtrApiVersionsRequest())
}
