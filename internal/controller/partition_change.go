package controller

import (
	"slices"

	"leat/internal/metadata"
	"leat/internal/record"
)

// election is which leader a change of a partition looks for.
type election int8

const (
	// keepLeader keeps the leader while it may lead, and otherwise takes the first replica that may.
	keepLeader election = iota
	// preferFirst is keepLeader with the first replica before the leader that there is.
	preferFirst
	// takeAnyone is keepLeader, and if nobody may lead, any replica that is alive, although records are lost.
	takeAnyone
)

// levelNoShrinkBump is the level of metadata.version from which brokers bear a smaller in-sync set within a leader epoch (3.6-IV0).
const levelNoShrinkBump = 12

// levelDirs is the level of metadata.version from which partitions know the directories of their replicas (3.7-IV2).
const levelDirs = 17

// partitionChange is one change of a partition being worked out: fill in what shall be, then build.
//
// With eligible leader replicas (KIP-966), a replica that leaves the in-sync set while that is smaller than min.insync.replicas is
// remembered in elr: nothing was acknowledged without it, so it may lead again without losing anything. LastKnownELR of a partition
// without a leader remembers the leader it had: the best guess when nobody is eligible any more.
type partitionChange struct {
	at  place
	was *metadata.Partition

	isr, replicas, adding, removing []int32
	moved                           map[int32]record.UUID // directories that replicas were put into
	recovering                      bool
	election                        election
	unclean                         int32 // broker whose replicas lost their log's tail; nobody: none

	minISR     int
	elrOn      bool
	level      int16 // of metadata.version
	alive      func(int32) bool
	defaultDir func(int32) record.UUID

	elr []int32

	tookUnclean, tookEligible int // 1 if the leader that build elected may lack records, or was eligible
}

// build works the change out: the record, nil if nothing changes.
func (c *partitionChange) build() *metadata.PartitionChangeRecord {
	r := metadata.NewPartitionChange(c.at.topic, c.at.partition)
	c.completeReassignment()
	c.eligible()
	clean := c.lead(r)
	if r.Leader == metadata.NoLeaderChange && !containsAll(c.replicas, c.was.Replicas) {
		r.Leader = c.was.Leader // a replica that went must not go on in the same leader epoch
	}
	if !clean || !c.elrOn {
		c.elr = nil
	}
	if !slices.Equal(c.elr, c.was.ELR) {
		r.EligibleLeaderReplicas = nonNil(c.elr)
	}
	if !slices.Equal(c.isr, c.was.ISR) && (len(c.isr) > 0 || c.elrOn) {
		r.ISR = nonNil(c.isr)
		if c.level < levelNoShrinkBump && r.Leader == metadata.NoLeaderChange && !containsAll(c.isr, c.was.ISR) {
			r.Leader = c.was.Leader
		}
	}
	c.noteLastLeader(r)
	c.assign(r)
	if c.recovering != c.was.LeaderRecovering {
		r.LeaderRecoveryState = 0
		if c.recovering {
			r.LeaderRecoveryState = 1
		}
	}
	if changesNothing(r) {
		return nil
	}
	return r
}

func changesNothing(r *metadata.PartitionChangeRecord) bool {
	return r.ISR == nil && r.Leader == metadata.NoLeaderChange && r.Replicas == nil && r.RemovingReplicas == nil && r.AddingReplicas == nil &&
		r.LeaderRecoveryState == metadata.NoRecoveryChange && r.EligibleLeaderReplicas == nil && r.LastKnownELR == nil && r.Directories == nil
}

// eligible works out who may still lead without being in sync.
func (c *partitionChange) eligible() {
	if !c.elrOn || len(c.isr) >= c.minISR {
		c.elr = nil
		return
	}
	candidates := append(slices.Clone(c.was.ELR), c.was.ISR...)
	slices.Sort(candidates)
	for _, id := range slices.Compact(candidates) {
		// One that a completed reassignment took the replica from cannot lead, whatever it had.
		if !slices.Contains(c.isr, id) && id != c.unclean && slices.Contains(c.replicas, id) {
			c.elr = append(c.elr, id)
		}
	}
}

// lead fills in the leader if it changes, and reports whether no record is lost by it.
func (c *partitionChange) lead(r *metadata.PartitionChangeRecord) (clean bool) {
	leader, clean := c.elect()
	if leader == c.was.Leader {
		return true
	}
	r.Leader = leader
	switch {
	case !clean:
		c.tookUnclean = 1
		c.isr = []int32{leader}
		c.recovering = true
	case slices.Contains(c.elr, leader):
		c.tookEligible = 1
		c.isr = []int32{leader}
		c.elr = slices.DeleteFunc(c.elr, func(id int32) bool { return id == leader })
	}
	return clean
}

// elect returns the new leader, nobody if there is none, and whether the election loses no records.
func (c *partitionChange) elect() (leader int32, clean bool) {
	if first := c.replicas[0]; c.election == preferFirst && c.mayLead(first) {
		return first, true
	}
	if c.was.Leader >= 0 && c.mayLead(c.was.Leader) {
		return c.was.Leader, true
	}
	for _, id := range c.replicas {
		if c.mayLead(id) {
			return id, true
		}
	}
	if c.elrOn && len(c.isr) == 0 && len(c.elr) == 0 && len(c.was.LastKnownELR) == 1 {
		// A leader that the partition was taken away from in the meantime has nothing to lead with.
		if last := c.was.LastKnownELR[0]; c.alive(last) && slices.Contains(c.replicas, last) {
			return last, false
		}
	}
	if c.election == takeAnyone {
		for _, id := range c.replicas {
			if c.alive(id) {
				return id, false
			}
		}
	}
	return nobody, true
}

func (c *partitionChange) mayLead(id int32) bool {
	return (slices.Contains(c.isr, id) || len(c.isr) == 0 && slices.Contains(c.elr, id)) && c.alive(id)
}

// noteLastLeader remembers who led a partition that has no leader from now on, and forgets it when somebody leads again.
func (c *partitionChange) noteLastLeader(r *metadata.PartitionChangeRecord) {
	switch {
	case !c.elrOn:
	case r.Leader == nobody && len(c.was.LastKnownELR) == 0 && c.was.Leader >= 0:
		r.LastKnownELR = []int32{c.was.Leader}
	case r.Leader >= 0 && len(c.was.LastKnownELR) > 0:
		r.LastKnownELR = []int32{}
	}
}

// assign fills in who has replicas, and in which directories.
func (c *partitionChange) assign(r *metadata.PartitionChangeRecord) {
	same := slices.Equal(c.replicas, c.was.Replicas)
	if c.level >= levelDirs && (!same || len(c.moved) > 0) {
		if dirs := c.dirs(); !slices.Equal(dirs, c.was.Dirs) {
			r.Directories = dirs
		}
	}
	if !same {
		r.Replicas = c.replicas
	}
	if !slices.Equal(c.removing, c.was.Removing) {
		r.RemovingReplicas = nonNil(c.removing)
	}
	if !slices.Equal(c.adding, c.was.Adding) {
		r.AddingReplicas = nonNil(c.adding)
	}
}

// dirs lists the directories of the replicas that shall be.
func (c *partitionChange) dirs() []record.UUID {
	dirs := make([]record.UUID, 0, len(c.replicas))
	for _, id := range c.replicas {
		dir, moved := c.moved[id]
		switch {
		case moved:
		case slices.Contains(c.was.Replicas, id):
			dir = c.was.DirOf(id)
		default:
			dir = c.defaultDir(id)
		}
		dirs = append(dirs, dir)
	}
	return dirs
}

// nonNil makes an empty list out of none: in a change record nil means "as it was".
func nonNil(list []int32) []int32 {
	if list == nil {
		return []int32{}
	}
	return list
}

func containsAll(list, all []int32) bool {
	for _, id := range all {
		if !slices.Contains(list, id) {
			return false
		}
	}
	return true
}
