// Package bank is a bank in one goroutine that replays by seed: transactional producers move money between accounts on different
// partitions, and readers that only see what is committed add it all up.
//
// The transaction coordinator is the real machine (coordinator/txn) behind a log that commits late and loses its uncommitted end in a
// crash; the partitions are a model of what storage promises about producers: fencing by epoch, leave to begin a transaction, markers,
// last stable offset. Between them is a network that loses, delays, repeats and reorders. The coordinator fails over between any two
// steps, so also between two markers of one transaction; producers crash, pause, and go on as zombies beside their successors.
//
// Invariants, checked after every step: money that a reader sees leave one account has arrived at the other or is about to (it is in the log
// there, and not aborted), so the sum is constant; nothing is seen twice. At the end, when the network is whole again: no transaction
// is open, and what a producer was told of a transfer is what readers see.
//
// It is imported by tests only.
package bank
