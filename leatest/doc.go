// Package leatest runs a leat cluster inside a test: real nodes that speak the Apache Kafka protocol, in the process of the test, with their files in
// memory. It is for everybody whose code talks to Kafka.
//
//	func TestOrdersAreCounted(t *testing.T) {
//		c := leatest.Start(t)
//		svc := orders.New(c.BootstrapServers())
//		...
//	}
//
// [Start] returns when the cluster serves, some milliseconds later, and the end of the test stops it. Any client of any library can connect to
// [Cluster.BootstrapServers]: nodes listen on free ports of the loopback interface. Several nodes ([Nodes]) have their controllers on a node of its own, which
// no fault touches, so that any broker can be taken away.
//
// # Virtual time
//
// Inside a bubble of testing/synctest the same cluster runs on virtual time: ten minutes of heartbeats, session timeouts and retention pass as fast as
// the processor can work them off. A bubble knows no sockets, so there nodes and clients are connected by a network in memory, and a client has to dial through
// it: with franz-go that is kgo.Dialer(c.Dial), and [Cluster.Client] has it set. Make the cluster, its clients and everything they use within the bubble, and
// close the clients before the test ends ([Cluster.Client] does).
//
// Zstandard's encoder keeps goroutines of the process, which a bubble cannot wait for: produce without it there.
//
// # Faults
//
// A node can be stopped in order, killed, or lose its power with whatever was not synced; it can be cut from the others or from all, its links can become slow, its
// disk full. [Cluster.Misfortune] does such things by chance, one after the other, from a seed that it prints.
//
// What it is not for: measuring. Files in memory and a shared process tell nothing about speed.
package leatest
