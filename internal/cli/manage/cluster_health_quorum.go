package manage

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// wanted is what a cluster must have to be called healthy.
type wanted struct {
	full                 int // percent of a disk, at most
	brokers, controllers int // at least
}

func (w *wanted) check() error {
	for _, f := range []struct {
		name  string
		value int
	}{{"max-disk", w.full}, {"brokers", w.brokers}, {"controllers", w.controllers}} {
		if f.value < 0 {
			return fmt.Errorf("--%s=%d: not negative", f.name, f.value)
		}
	}
	return nil
}

const controllersNext = "start the controllers that are not heard of; leat quorum describe shows who votes, and who is behind"

// unheard is for how long a controller may not be heard of, and how long it may be behind.
const unheard = 10 * time.Second

// controllersCheck judges what the leader of the controllers tells of them. Times are by its clock: its own entry has that of the answer.
func controllersCheck(p *kmsg.DescribeQuorumResponseTopicPartition, want int) check {
	k := check{Name: "controllers", Healthy: true, Next: controllersNext}
	end, now := int64(0), int64(-1)
	for _, v := range p.CurrentVoters {
		end, now = max(end, v.LogEndOffset), max(now, v.LastFetchTimestamp)
	}
	well := 0
	for _, v := range p.CurrentVoters {
		if text := controllerTrouble(&v, p.LeaderID, end, now); text != "" {
			k.example(text)
		} else {
			well++
		}
	}
	k.Found = fmt.Sprintf("%d leads, %d of %d have what it has", p.LeaderID, well, len(p.CurrentVoters))
	if well < want {
		k.example(fmt.Sprintf("%d are expected (--controllers), %d are well", want, well))
	}
	if p.LeaderID < 0 {
		k.Found = "nobody leads"
		k.example("the controllers have no leader")
	}
	return k
}

// controllerTrouble says what is wrong with one that votes, "" if nothing is. Kafka before 3.4 tells no times (now is -1): then only its place is known, and nobody can say
// for how long it has been behind.
func controllerTrouble(v *kmsg.DescribeQuorumResponseTopicPartitionReplicaState, leader int32, end, now int64) string {
	if v.ReplicaID == leader || leader < 0 || now < 0 {
		return ""
	}
	silent, late := time.Duration(now-v.LastFetchTimestamp)*time.Millisecond, time.Duration(now-v.LastCaughtUpTimestamp)*time.Millisecond
	switch {
	case v.LastFetchTimestamp < 0:
		return fmt.Sprintf("controller %d votes, and has not been heard of since controller %d leads", v.ReplicaID, leader)
	case silent > unheard:
		return fmt.Sprintf("controller %d votes, and was heard of %v ago", v.ReplicaID, silent.Round(time.Second))
	case v.LogEndOffset < end && (v.LastCaughtUpTimestamp < 0 || late > unheard):
		return fmt.Sprintf("controller %d is %d records behind", v.ReplicaID, end-v.LogEndOffset)
	}
	return ""
}
