// Package record knows the bytes of record batches (magic 2, and what is needed to read magic 0 and 1 from old segments) and
// the identities that every room shares: UUID and TopicPartition.
//
// It does not know files, offsets of a log, or requests. Nothing here waits, and nothing trusts a length that it has not
// checked: every decoder takes foreign bytes.
package record
