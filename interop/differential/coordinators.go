package main

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

// coordinatorReady waits until the broker coordinates groups: the first request makes the topic that it needs.
func (s *side) coordinatorReady(group string) {
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.CoordinatorKey = group
	s.eventually("a coordinator of "+group, func() bool {
		return s.quiet(2, req).(*kmsg.FindCoordinatorResponse).ErrorCode == 0
	})
	list := kmsg.NewPtrOffsetFetchRequest()
	list.Group = group
	s.eventually("offsets of "+group, func() bool {
		return s.quiet(7, list).(*kmsg.OffsetFetchResponse).ErrorCode == 0
	})
}

func findCoordinator(s *side) {
	s.coordinatorReady("coordinated")
	of := func(kind int8, keys ...string) func() kmsg.Request {
		return func() kmsg.Request {
			req := kmsg.NewPtrFindCoordinatorRequest()
			req.CoordinatorType, req.CoordinatorKeys = kind, keys
			if len(keys) > 0 {
				req.CoordinatorKey = keys[0]
			}
			return req
		}
	}
	s.askAll(kmsg.FindCoordinator,
		ask{"group", of(0, "coordinated")},
		ask{"empty group", of(0, "")},
		ask{"several groups", of(0, "coordinated", "another", "third")},
		ask{"the same group twice", of(0, "coordinated", "coordinated")},
		ask{"no key", of(0)},
		ask{"unknown kind", of(9, "x")},
		ask{"negative kind", of(-1, "x")},
		ask{"share group with a key that is none", of(2, "x")},
	)
}
