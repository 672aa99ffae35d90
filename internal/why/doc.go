// Package why explains what is wrong with a cluster: facts that nodes tell of themselves go in, findings come out, the root cause first.
//
// It is a core: it reads no clock, file or socket, and the same facts give the same findings. Who gathers facts is internal/server; what counts
// as notable in between is kept by internal/why/recent.
//
// Terms. A fact is what one node knows, without judgement (Facts). A cause is a row of the table in this package: a name, when it is seen, how grave it
// is, and what to do. A finding is a cause seen at something: a node, a partition, a group, a client. A cause that explains others
// takes their findings in, as links of its chain, so that what is told first is what has to be mended.
//
// Invariants. Findings are ordered by severity and then by the rows of the table, which stand in the order from roots to symptoms. A finding always has a
// chain, evidence and a next step. A healthy cluster has none.
package why
