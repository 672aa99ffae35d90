package acquire

// Delivery states of records as __share_group_state and the requests between brokers write them.
const (
	Available    int8 = 0
	Acquired     int8 = 1 // never written: a lock does not outlive the broker that gave it
	Acknowledged int8 = 2
	Archiving    int8 = 3 // on its way to the dead-letter topic (KIP-1191)
	Archived     int8 = 4
)

// Batch is a run of records that share a delivery state and a delivery count, both offsets inclusive.
type Batch struct {
	First, Last   int64
	State         int8
	DeliveryCount int16
}

// Durable is what is kept of one share partition over a change of leader. What lies past the last batch has never been delivered.
type Durable struct {
	StateEpoch  int32 // which life of the share partition this is: deleting and initializing it again begins a new one
	StartOffset int64 // below it everything is done; -1: not known yet, the group's share.auto.offset.reset decides
	Batches     []Batch
}
