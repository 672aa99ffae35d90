// Package consensus is the agreement among the controllers on what the metadata log holds: the pure core around a raft library, of which
// nothing shows. It owns no file, socket, goroutine or clock; package voter is its shell, package journal its file.
//
// It does not know what the records mean, and not where voters can be reached.
//
// # Interface
//
// A Node is told what happens, and says in Ready what is to be done. After each call the shell takes all that Ready has:
//
//	Tick, Step, Append, Change, ...  ->  Ready  ->  Work.Messages  to send, best effort
//	                                                Work.Write     to persist, in order; then Written
//	                                                Work.Commit    to append to the metadata log, in order; then Applied
//	                                                Work.Events    to tell, in order
//
// What sits above the shell (package quorum) needs four things of it: Append for the leader's decisions, an outcome for each (committed,
// or unknown because leadership was lost; an append that was refused is known not to be in the log), the committed batches in order, and
// the events Leading and Lost. Leading comes once everything that the log held before is committed and applied here, so a machine
// can start on the image at that offset; Lost ends it.
//
// # Log
//
// Terms. An entry is what raft agrees on: the record batches of one decision, with the base offsets, leader epoch and time that the
// leader gave them; a change of the members; or nothing, where a leader began. Its index counts entries, its end is the offset behind
// its last record. The leader epoch is raft's term. A position is an entry's index, epoch and end. A member is a voter, or a
// learner that is to become one. A replica is a voter id with the id of the directory that it votes from: a voter that lost its
// disk is another replica with the same id, and never votes as the old one.
//
// An epoch begins with raft's empty entry, which leaves nothing in the metadata log, and a leader change record, which is the
// leader's first decision. Changes of the voters carry the voters record; changes of learners leave nothing.
//
// Invariants. Entries continue each other: the first offset of one is the end of the one before. Only committed entries reach the
// metadata log. A response that promises something (a vote, an acknowledgement) leaves after what it promises is persisted: it is in the
// Write's responses, which Written releases. One change of the members is under way at a time.
package consensus
