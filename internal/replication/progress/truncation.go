package progress

// EpochEnd is a leader epoch and the offset at which it ends in some log; epoch -1: none.
type EpochEnd struct {
	Epoch int32
	End   int64
}

// TruncateTo decides where a follower cuts its log after a leader has said where the two diverge (KIP-595): diverging is the largest epoch of the leader's
// log that is not above the follower's last one, and where it ends there; own is what the follower has for that same epoch, or the largest one
// below it.
//
// Only epochs decide. The high watermark must not: a follower's lags behind, and records above it may be committed (KIP-101).
func TruncateTo(diverging, own EpochEnd, logEnd int64) int64 {
	switch {
	case own.Epoch < 0: // nothing here is as old as what the leader speaks of
		return min(diverging.End, logEnd)
	case own.Epoch != diverging.Epoch: // the leader's epoch was never seen here; what is older may agree, the next answer tells
		return min(own.End, logEnd)
	}
	return min(own.End, diverging.End, logEnd)
}

// FollowerMark is a follower's high watermark after an answer: as far as its leader has committed and its own log goes. It moves back
// only by a truncation, for what was committed stays so under any later leader, and that one may know less of it for a while.
func FollowerMark(own, leaders, logEnd int64) int64 {
	return max(own, min(leaders, logEnd))
}
