// Package cluster is a whole cluster in one goroutine: the controllers' agreement (quorum/consensus), the controller's machine, and what each
// replica of a partition knows (replication/progress), of many nodes, moved by one queue of events and one generator of chance. Files, sockets
// and clocks are models; what decides is the code that runs in production. Only tests import it.
//
// A run is a function of its seed: the same seed gives the same events in the same order, and a failure names the seed. The raft library draws
// its own chance from crypto/rand, so a caller that wants that to hold sets testing/cryptotest.SetGlobalRandom before each run.
//
// # What is modelled
//
// A host is a process with a disk, a clock and links to all others; it is a broker, a controller, or both. Hosts are killed, lose power and
// with it some of what they did not sync, stop for a while, are shut down properly, have slow disks and clocks that jump. Links lose, delay,
// reorder and repeat messages, and are cut one way or both. A message between hosts that stands for one on a connection dies with either
// end; frames between controllers may come whenever they like. Controllers notice that a broker's connection closed, and that connections to it are
// refused; now and then they believe that of a broker that lives.
//
// The shells around the cores are told anew here, as short as they can be: what package voter does around a consensus.Node, package machine's
// Runner around the controller, packages uplink and replication around a broker's partitions. A rule that is changed there has to be changed
// here, which is the price of a shell without goroutines.
//
// # What must hold
//
// The chain of a partition is all records below the highest high watermark that any replica ever had. Checked as things happen, and over
// everything now and then:
//
//   - logs equal the chain below their high watermarks, and the metadata logs equal each other below what is committed;
//   - what is acknowledged with acks=all is in the chain, once, in its producer's order, and a consumer reads just the chain;
//   - who is elected cleanly has the chain, and so has every replica in the committed in-sync set, or eligible to lead, that has not lost power
//     since it registered;
//   - nobody is taken into an in-sync set who is fenced, stopping, or no replica; an unclean election happens only if nobody else is left;
//   - an epoch has one leader, of a partition and of the quorum, and a voter one vote; broker epochs and partition epochs rise;
//   - a high watermark does not move back within a leader epoch, and a follower's not at all while its partition has lost nothing.
//
// In half of the runs the unclean ends of processes are limited to what min.insync.replicas promises to survive: nothing may be lost there. In
// the others an unclean election may lose records; its partition is then only watched for progress. Where a topic syncs before it
// acknowledges (flush.messages=1), nothing may be lost in any run.
//
// At the end everything is healed, and the cluster must come to rest: leaders everywhere, all replicas in sync and equal, nobody waiting.
package cluster
