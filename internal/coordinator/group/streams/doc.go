// Package streams is the kind of groups that run a Kafka Streams application (KIP-1071): the members are the threads of the
// application, and the coordinator knows its topology, makes its internal topics and decides which member runs which task.
//
// It is a core room: it is called with a desk, decides as Kafka 4.4 does, and keeps its state to itself. Who may do what has been
// decided by whoever calls it, and topics are made by whoever is handed the Answer.
//
// Terms: a topology is a number of subtopologies, which read source topics and repartition topics and keep state in changelog topics. A
// task is one subtopology on one partition. It is active on one member; a standby task follows the changelog on another process, a
// warm-up task does so in order to take over. The target assignment is what each task assignor decision asks for, a member's assigned
// tasks are what it holds now; a member moves towards its target by giving up tasks first (unrevoked) and then by waiting for tasks
// that others still hold (unreleased). A process runs one or more members, which share the state on its disk.
//
// Invariants: an active task is held, or still to be given up, by at most one member. No process holds a task twice, once everybody is
// stable. A member's epoch never exceeds the target assignment's, and that one never exceeds the group's.
package streams
