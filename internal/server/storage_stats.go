package server

import (
	"time"

	"leat/internal/storage"
	"leat/internal/telemetry"
)

// storageStats are the numbers of the logs at this moment, nil while there are none to ask.
func (n *node) storageStats() *telemetry.StorageStats {
	if n.ops.state.Load() != stateRunning {
		return nil
	}
	c := n.store.Counters()
	s := &telemetry.StorageStats{
		Flushes: &c.Flushes, SegmentsRolled: c.SegmentsRolled.Load(), SegmentsDeleted: c.SegmentsDeleted.Load(), FileOpens: c.FileOpens.Load(),
		NoKey: c.NoKey.Load(), BadMagic: c.BadMagic.Load(), BadCRC: c.BadCRC.Load(), BadOffsets: c.BadOffsets.Load(),
		BrokenLogs: n.store.BrokenLogs(),
	}
	s.OpenFiles, s.OpenFilesMax = n.store.OpenFiles()
	status := n.store.CleanerStatus()
	s.Cleaner = cleanerStats(&status, time.Now())
	for _, d := range n.store.Dirs() {
		dir := telemetry.DirStats{
			Path: d.Path, ID: d.ID.String(), Offline: d.Offline != nil, Total: d.Total, Available: d.Available, Grade: int(d.Room.Grade),
			Soft: d.Room.Soft, Hard: d.Room.Hard, Refused: d.Room.Refused, Delayed: d.Room.Delayed,
		}
		for i := range status.Uncleanable {
			if status.Uncleanable[i].Dir == d.Path {
				dir.Uncleanable++
				dir.UncleanableBytes += status.Uncleanable[i].Bytes
			}
		}
		s.Dirs = append(s.Dirs, dir)
	}
	return s
}

// cleanerStats sums up what the cleaner says, as Kafka's metrics do.
func cleanerStats(status *storage.CleanerStatus, now time.Time) telemetry.CleanerStats {
	s := telemetry.CleanerStats{
		MaxDirtyRatio: status.MaxDirtyRatio, MaxCompactionDelay: status.MaxCompactionDelay, Threads: status.Threads,
		BytesRead: status.BytesRead, BytesWritten: status.BytesWritten, Cleaned: status.Cleaned, Failed: status.Failed,
	}
	if !status.LastRun.IsZero() {
		s.SinceLastRun = max(now.Sub(status.LastRun), 0)
	}
	var read, written int64
	for _, r := range status.Runs {
		read, written = read+r.BytesRead, written+r.BytesWritten
		s.MaxMapUse = max(s.MaxMapUse, r.MapUtilization)
		s.MaxCleanTime = max(s.MaxCleanTime, r.End.Sub(r.Start))
	}
	if read > 0 {
		s.RecopyRatio = float64(written) / float64(read)
	}
	for _, u := range status.Uncleanable[:min(len(status.Uncleanable), telemetry.MaxUncleanable)] {
		s.Uncleanable = append(s.Uncleanable, telemetry.UncleanablePartition{Topic: u.Partition.Topic, Partition: u.Partition.Partition, Bytes: u.Bytes})
	}
	return s
}
