package consensus

// Early elections: a voter with a reason to believe that nobody leads does not wait until its patience with a leader has run out. They ask for votes that
// bind nobody first, so a leader that a majority hears of is not disturbed.

// Eager is called once after a start. Who starts has heard of no leader, and if the others start too, or wait for it, there is none: for as long as
// a leader would have time to be heard of, this voter tries to be elected every few ticks.
func (n *Node) Eager() { n.eager = n.cfg.ElectionTicks }

// Suspect tells that a controller's connection broke and it cannot be reached. If it leads, this voter no longer stands by it, and soon tries
// to be elected; a majority that still hears of the leader refuses.
func (n *Node) Suspect(id int32) (err error) {
	if n.failure != nil || !n.hasLead || n.lead.ID != id || n.leadership != nil {
		return n.failure
	}
	defer n.catch(&err)
	n.rush, n.rushes = 1+2*n.turn(n.lead), n.cfg.ElectionTicks
	return n.raw.ForgetLeader()
}

// again plans the next early election, for as long as a voter who has not noticed anything yet may still stand by the leader: one that is refused
// now is granted as soon as it does.
func (n *Node) again() {
	pause := 2 * max(len(n.members.Voters()), 1)
	if n.rushes -= pause; n.rushes > 0 {
		n.rush = pause
	}
}

// turn is how many voters come before this one. They try to be elected one after the other, or they would take each other's votes.
func (n *Node) turn(without Replica) int {
	turn := 0
	for _, v := range n.members.Voters() {
		if v.Replica == n.cfg.Self {
			break
		}
		if v.Replica != without {
			turn++
		}
	}
	return turn
}

// hurry tries to be elected if it is time for that. Called with each tick.
func (n *Node) hurry() error {
	due := false
	if n.rush > 0 {
		n.rush--
		if due = n.rush == 0; due {
			n.again()
		}
	}
	if n.eager > 0 {
		n.eager--
		voters := max(len(n.members.Voters()), 1)
		due = due || (n.cfg.ElectionTicks-1-n.eager)%voters == n.turn(Replica{})%voters
	}
	if n.hasLead {
		n.eager = 0
		return nil
	}
	if !due || n.Forgetful() {
		return nil
	}
	return n.raw.Campaign()
}
