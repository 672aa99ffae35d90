package main

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/bench/load"
)

// idleConnections opens connections, each of which asks what a client asks first, and then says nothing any more.
func (s *session) idleConnections(ctx context.Context) (err error) {
	const count = 5000
	before, err := load.MemoryOf(s.broker.PID())
	if err != nil {
		return err
	}
	var open []*load.Conn
	defer func() {
		for _, c := range open {
			err = errors.Join(err, c.Close())
		}
	}()
	for range count {
		c, err := load.Dial(s.broker.Bootstrap())
		if err != nil {
			return err
		}
		open = append(open, c)
		versions := kmsg.NewPtrApiVersionsRequest()
		versions.Version, versions.ClientSoftwareName, versions.ClientSoftwareVersion = 3, "bench", "1"
		metadata := kmsg.NewPtrMetadataRequest()
		metadata.Version = 12
		metadata.Topics = []kmsg.MetadataRequestTopic{}
		for _, req := range []kmsg.Request{versions, metadata} {
			if _, err := c.Do(req); err != nil {
				return err
			}
		}
	}
	cpu, err := load.CPUSeconds(s.broker.PID())
	if err != nil {
		return err
	}
	const quiet = 5 * time.Second
	if err := pause(ctx, quiet); err != nil {
		return err
	}
	after, err := load.MemoryOf(s.broker.PID())
	if err != nil {
		return err
	}
	later, err := load.CPUSeconds(s.broker.PID())
	if err != nil {
		return err
	}
	s.add("connections/memory", after.Resident-before.Resident)
	s.add("connections/total", after.Resident)
	s.add("connections/cpu", (later-cpu)/quiet.Seconds()*100)
	return nil
}
