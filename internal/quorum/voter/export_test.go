package voter

// CheckpointFile is a file that counts as a checkpoint.
var CheckpointFile = checkpointFile
