// Package compact decides which records of a log survive compaction, and forms the batches that are left of them.
//
// It is pure: it gets batches in the order of the log and the time, and returns bytes. It knows no files, no locks and no clock; package
// storage reads the batches, writes what comes out and swaps the segments.
//
// Terms. The dirty part of a log is what was appended since the last compaction. One compaction has two passes: an Index reads the dirty
// part and notes in an OffsetMap where each key stands last; then a Filter goes through the whole log, clean part and dirty part, up to where
// the map reaches. A tombstone is a record with a key and no value. A delete horizon is the time from which on the tombstones of a batch,
// or a marker of a transaction without records, may go (KIP-534).
//
// What holds:
//
//   - Of each key, the last record below the end of the map stays, unless it is a tombstone past its horizon. What lies behind the end of the
//     map stays as it is, but for records of aborted transactions.
//   - No offset changes. A batch keeps its base offset, last offset, sequences, producer, leader epoch and codec, whatever it loses.
//   - The last batch of a producer stays, without records if need be, because its sequence is what the next batch of the producer is held against.
//   - A marker stays as long as a batch of its transaction does, and for the delete horizon after that.
//   - A batch that loses nothing and needs no horizon is copied byte for byte.
package compact
