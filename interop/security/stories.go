package main

import (
	"fmt"
	"time"
)

// story is something that goes on for a while, with what the node or the issuer does meanwhile.
type story struct {
	name     string
	do       func() error
	short    bool
	leatOnly bool
}

func (r *run) stories() []story {
	return nil
}

func (r *run) story(s *story) {
	began := time.Now()
	err := s.do()
	r.check(s.name, err)
	if err == nil {
		fmt.Printf("%s  %-44s %4.1fs  ok\n", r.node.Kind(), s.name, time.Since(began).Seconds())
	}
}
