package wire

// Keys of leat's own requests, which only controllers make of each other. They lie far from Kafka's, which are counted up from 0, and below the
// numbers that others use for private ones; who does not find them in ApiVersions does not ask.
const (
	// KeyQuorumFrames carries messages of the agreement among controllers.
	KeyQuorumFrames int16 = 28341
	// KeyIdentity asks a controller who it is and which cluster it belongs to.
	KeyIdentity int16 = 28342
)

// ownAPIs are answered on controller listeners only.
var ownAPIs = [...]API{
	row(KeyQuorumFrames, "LeatQuorumFrames", 0, 0, -1, onController|clusterAct|built),
	row(KeyIdentity, "LeatIdentity", 0, 1, -1, onController|clusterAct|built),
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
