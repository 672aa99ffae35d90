package wire

// Keys of leat's own requests, which nodes make of each other, and leat's command line of them. They lie far from Kafka's, which are counted up from 0, and below the
// numbers that others use for private ones; who does not find them in ApiVersions does not ask.
const (
	// KeyQuorumFrames carries messages of the agreement among controllers.
	KeyQuorumFrames int16 = 28341
	// KeyIdentity asks a controller who it is and which cluster it belongs to.
	KeyIdentity int16 = 28342
	// KeyWhy asks a node what is wrong. Brokers list it in ApiVersions for leat only, so that other clients see the keys that Kafka has.
	KeyWhy int16 = 28343
)

// ownAPIs are leat's rows.
var ownAPIs = [...]API{
	row(KeyQuorumFrames, "LeatQuorumFrames", 0, 0, -1, onController|clusterAct|built),
	row(KeyIdentity, "LeatIdentity", 0, 1, -1, onController|clusterAct|built),
	row(KeyWhy, "LeatWhy", 0, 0, -1, onBroker|onController|built),
}

// OwnAPIs is leat's own rows. Nobody changes it.
var OwnAPIs = ownAPIs[:]

func lookupOwn(key int16) (*API, bool) {
	for i := range ownAPIs {
		if ownAPIs[i].Key == key {
			return &ownAPIs[i], true
		}
	}
	return nil, false
}
