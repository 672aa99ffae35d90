package main

import (
	"errors"
	"os/exec"
)

// nodes of the cluster; their ids are 1, 2 and 3.
const nodes = 3

// client is the other end of links for the producers and consumers here.
const client = 0

// errCannot says that the ground has no means for a fault.
var errCannot = errors.New("not possible here")

// ground is where the nodes stand: their addresses, links and disks.
type ground interface {
	says() string
	// listens and advertises are addresses of a node's two listeners: what the process binds, and what others are told.
	listens(node int) (data, control string)
	advertises(node int) (data, control string)
	// reach is where the clients here find a node.
	reach(node int) string
	command(node int, argv ...string) *exec.Cmd
	disk(node int) string

	// cut takes what one node sends to another; a link has two of these. Node client is the producers and consumers.
	cut(from, to int) error
	mend(from, to int) error
	slow(node int) error
	fast(node int) error

	fill(node int) error
	free(node int) error
	throttle(node, pid int) error
	release(node int) error
	wipe(node int) error

	// leave gives back what was taken from the system. The data is left in the directory if it is to be looked at.
	leave(keep bool) error
}

// mendAll mends all links and disks; what is whole stays whole.
func mendAll(g ground) error {
	var errs []error
	for from := client; from <= nodes; from++ {
		for to := client; to <= nodes; to++ {
			if from != to {
				errs = append(errs, g.mend(from, to))
			}
		}
		if from != client {
			errs = append(errs, g.fast(from), g.free(from), g.release(from))
		}
	}
	return errors.Join(errs...)
}
