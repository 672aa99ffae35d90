package quorum

// FormatCheckpoint lets tests write what formatting a directory leaves.
var FormatCheckpoint = formatCheckpoint
