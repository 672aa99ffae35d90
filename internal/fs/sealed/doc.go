// Package sealed encrypts segment files at rest. FS is a file system over another one in which .log files of log directories may be
// encrypted; who opens such a file sees the positions and bytes of the plaintext, so that indexes, scanners and truncation need not
// know. Everything else passes through, and a .log file that is not encrypted is the other file system's own, sendfile included.
// The package does not know batches, topics or offsets.
//
// Terms. A key-encryption key (KEK) belongs to a KeyService: a file, or a command that asks a key management system. Data keys are
// random, lie wrapped by a KEK in the keyring of their log directory, and are named in the headers of the files whose keys are derived
// from them. A sector is 64 KiB of the file. A piece is what one append sealed within one sector: its position in the plaintext,
// its length, a nonce, ciphertext and tag. A cut is a piece without content: the plaintext before it ends at its position. Junk is
// what stands behind the last whole piece. docs/format/encrypted-segment.md has the bytes.
//
// Invariants:
//
//   - An append never writes to a byte that was written before, so a torn write spoils nothing older, and no nonce is used twice.
//   - Pieces do not cross sectors, and a sector with anything in it begins with a piece. So the piece of a position is found by a
//     search over sectors and a walk within one.
//   - In the order of the file, a piece begins where the one before it ends, or ends by the cuts between them.
//   - Junk counts to the size and cannot be read: damage at the end of a file is never taken for a shorter file.
//
// Locks, in the order in which they may nest: File.writeMu (held over writes and truncations, which is what it is for), FS.mu,
// File.mu; the last two are never held over a file operation. FS.ringMu is held while keys are wrapped and keyrings written.
package sealed
