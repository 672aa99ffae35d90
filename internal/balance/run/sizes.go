package run

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/balance"
	"leat/internal/record"
)

// Sizes is how much lies where, as brokers tell it.
type Sizes struct {
	dirs  map[int32][]balance.Dir
	parts map[record.TopicPartition]held
}

// held is one partition: the size of its largest replica, and in which directory the replicas are.
type held struct {
	bytes int64
	dirs  []inDir
}

type inDir struct {
	broker int32
	path   string
}

// NewSizes knows nothing yet.
func NewSizes() *Sizes {
	return &Sizes{dirs: map[int32][]balance.Dir{}, parts: map[record.TopicPartition]held{}}
}

// Add takes in the answer of a broker. A directory that is offline takes no replicas.
func (s *Sizes) Add(broker int32, resp *kmsg.DescribeLogDirsResponse) {
	for i := range resp.Dirs {
		d := &resp.Dirs[i]
		if d.ErrorCode != 0 {
			s.dirs[broker] = append(s.dirs[broker], balance.Dir{Path: d.Dir, Cordoned: true})
			continue
		}
		s.dirs[broker] = append(s.dirs[broker], balance.Dir{Path: d.Dir, Total: max(0, d.TotalBytes), Usable: max(0, d.UsableBytes), Cordoned: d.IsCordoned})
		for _, t := range d.Topics {
			for _, p := range t.Partitions {
				if p.IsFuture {
					continue
				}
				tp := record.TopicPartition{Topic: t.Topic, Partition: p.Partition}
				h := s.parts[tp]
				h.bytes = max(h.bytes, p.Size)
				h.dirs = append(h.dirs, inDir{broker, d.Dir})
				s.parts[tp] = h
			}
		}
	}
}

// Fill puts the sizes into a state.
func (s *Sizes) Fill(st *balance.State) {
	for i := range st.Brokers {
		st.Brokers[i].Dirs = s.dirs[st.Brokers[i].ID]
	}
	for i := range st.Partitions {
		p := &st.Partitions[i]
		h, ok := s.parts[record.TopicPartition{Topic: p.Topic, Partition: p.Partition}]
		if !ok {
			continue
		}
		p.Bytes, p.Dirs = h.bytes, make([]string, len(p.Replicas))
		for k, id := range p.Replicas {
			for _, in := range h.dirs {
				if in.broker == id {
					p.Dirs[k] = in.path
				}
			}
		}
	}
}
