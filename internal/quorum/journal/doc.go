// Package journal is the file in which a voter keeps what it promised: the epoch it is in, its vote, and the entries that are not certainly in
// the metadata log yet, from which that log is completed after a crash. The file is quorum-journal, beside the log's segments.
//
// It does not know when entries are committed. Format (numbers big endian):
//
//	header  "leatqjnl", version u16 = 1, length u32 and CRC32C u32 of what follows:
//	        cluster id 16, node id i32, directory id 16, base index u64, base epoch i32, base offset i64, members
//	group   0xb7 'L' 'Q' 'G', length of the content u32, number u64 (from 1), CRC32C of these 16 bytes, CRC32C of the content u32;
//	        content; 0x55
//	content of any number of: 1, epoch i32, vote u64, commit u64 (the ballot)
//	                          3, epoch i32 from which an entry has to be committed, and then as 1 (the ballot of a voter that has forgotten what it promised)
//	                          2, index u64, epoch i32, kind u8, length u32, data (an entry, which replaces those from its index on)
//
// A group is written with one write and synced before the next begins, so only the last can be torn by a loss of power. It is
// taken for torn, and cut, if the file ends within it or a sector of it holds nothing but zeros, as space does that was never written, and
// no whole group follows. Anything else that does not fit is corruption, and an error.
//
// Invariants. What a Write returned for is on disk. The file is appended to, or replaced as a whole under a temporary name; it is replaced by a
// shorter one when what it holds has reached the synced metadata log.
package journal
