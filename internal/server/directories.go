package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
)

// placements tells the controller in which log directory replicas of this node lie, where it left the choice to the node or names a directory that
// the node does not have any more (KIP-858). A node with one directory has nothing to tell: the controller knows it.
type placements struct {
	placementsConfig
	cancel context.CancelFunc
	kick   chan struct{} // holds one: there is something to tell
	done   sync.WaitGroup

	mu    sync.Mutex
	image *metadata.Image
	open  map[placement]struct{} // to be told
}

type placementsConfig struct {
	NodeID int32
	Where  func(record.TopicPartition) (dir record.UUID, ok bool) // a replica lies on disk
	Epoch  func() int64                                           // of this broker
	Ask    func(context.Context, kmsg.Request) (kmsg.Response, error)
	Logger *slog.Logger
}

// placement names a replica of this node.
type placement struct {
	topicID   record.UUID
	partition int32
}

const (
	mostPlacements   = 2000 // in one request, as in Kafka
	placementsBounds = 10 * time.Second
	placementsPause  = 500 * time.Millisecond
)

func newPlacements(cfg placementsConfig) *placements {
	p := &placements{placementsConfig: cfg, kick: make(chan struct{}, 1), open: map[placement]struct{}{}}
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(context.Background())
	p.done.Go(func() { p.run(ctx) })
	return p
}

// Close ends it and waits.
func (p *placements) Close() {
	p.cancel()
	p.done.Wait()
}

// publish looks for replicas that lie elsewhere than an image says. It does not wait.
func (p *placements) publish(im *metadata.Image, delta *metadata.Delta) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.image = im
	before := len(p.open)
	if delta == nil {
		for topic := range im.Topics("") {
			p.look(topic)
		}
	} else {
		for _, topic := range delta.ChangedTopics() {
			p.look(topic)
		}
	}
	if len(p.open) > before {
		select {
		case p.kick <- struct{}{}:
		default:
		}
	}
}

// moved looks where a replica lies that was moved to another directory. It does not wait.
func (p *placements) moved(tp record.TopicPartition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.image == nil {
		return // the first image is still to come
	}
	if topic, ok := p.image.Topic(tp.Topic); ok {
		p.look(topic)
	}
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// look notes what of a topic is to be told. Called with mu held.
func (p *placements) look(topic *metadata.Topic) {
	for i := range topic.Partitions {
		if _, elsewhere := p.elsewhere(topic, int32(i)); elsewhere {
			p.open[placement{topic.ID, int32(i)}] = struct{}{}
		}
	}
}

// elsewhere is the directory of a replica, if the controller does not know it.
func (p *placements) elsewhere(topic *metadata.Topic, partition int32) (record.UUID, bool) {
	part := topic.Partitions[partition]
	for i, id := range part.Replicas {
		if id != p.NodeID || i >= len(part.Dirs) {
			continue
		}
		dir, ok := p.Where(record.TopicPartition{Topic: topic.Name, Partition: partition})
		return dir, ok && !dir.IsZero() && dir != part.Dirs[i]
	}
	return record.UUID{}, false
}

func (p *placements) run(ctx context.Context) {
	for {
		rq, told := p.next()
		if rq == nil {
			select {
			case <-p.kick:
				continue
			case <-ctx.Done():
				return
			}
		}
		if p.tell(ctx, rq) {
			p.forget(told)
			continue
		}
		select {
		case <-time.After(placementsPause):
		case <-ctx.Done():
			return
		}
	}
}

// next makes a request of what is open and still so; nil: nothing is.
func (p *placements) next() (*kmsg.AssignReplicasToDirsRequest, []placement) {
	p.mu.Lock()
	defer p.mu.Unlock()
	byDir := map[record.UUID]map[record.UUID][]int32{}
	var told []placement
	for at := range p.open {
		topic, ok := p.image.TopicByID(at.topicID)
		var dir record.UUID
		if ok = ok && int(at.partition) < len(topic.Partitions); ok {
			dir, ok = p.elsewhere(topic, at.partition)
		}
		if !ok {
			delete(p.open, at)
			continue
		}
		if byDir[dir] == nil {
			byDir[dir] = map[record.UUID][]int32{}
		}
		byDir[dir][at.topicID] = append(byDir[dir][at.topicID], at.partition)
		if told = append(told, at); len(told) == mostPlacements {
			break
		}
	}
	if len(told) == 0 {
		return nil, nil
	}
	return p.request(byDir), told
}

func (p *placements) request(byDir map[record.UUID]map[record.UUID][]int32) *kmsg.AssignReplicasToDirsRequest {
	rq := kmsg.NewPtrAssignReplicasToDirsRequest()
	rq.BrokerID, rq.BrokerEpoch = p.NodeID, p.Epoch()
	for dir, topics := range byDir {
		d := kmsg.NewAssignReplicasToDirsRequestDirectory()
		d.ID = dir
		for topicID, partitions := range topics {
			t := kmsg.NewAssignReplicasToDirsRequestDirectoryTopic()
			t.TopicID = topicID
			for _, partition := range partitions {
				x := kmsg.NewAssignReplicasToDirsRequestDirectoryTopicPartition()
				x.Partition = partition
				t.Partitions = append(t.Partitions, x)
			}
			d.Topics = append(d.Topics, t)
		}
		rq.Directories = append(rq.Directories, d)
	}
	return rq
}

// tell reports whether the controller took a request. What it refused of it is not told again: it is about replicas that it does not know.
func (p *placements) tell(ctx context.Context, rq *kmsg.AssignReplicasToDirsRequest) bool {
	ctx, cancel := context.WithTimeout(ctx, placementsBounds)
	defer cancel()
	answer, err := p.Ask(ctx, rq)
	if resp, ok := answer.(*kmsg.AssignReplicasToDirsResponse); err == nil && ok {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		p.Logger.Debug("controller was not told the directories of replicas, trying on", "node", p.NodeID, "err", err)
	}
	return err == nil
}

func (p *placements) forget(told []placement) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range told {
		delete(p.open, at)
	}
}
