package streams

// Kafka's error codes, as far as streams groups answer with them.
const (
	codeUnknownServerError int16 = -1
	codeNotCoordinator     int16 = 16
	codeUnknownMemberID    int16 = 25
	codeUnsupportedVersion int16 = 35
	codeInvalidRequest     int16 = 42
	codeNonEmptyGroup      int16 = 68
	codeGroupIDNotFound    int16 = 69
	codeGroupMaxSize       int16 = 81
	codeFencedInstanceID   int16 = 82
	codeFencedMemberEpoch  int16 = 110
	codeUnreleasedInstance int16 = 111
	codeStaleMemberEpoch   int16 = 113
	codeInvalidTopology    int16 = 130
)

// refusal is a request that is answered with an error.
type refusal struct {
	code    int16
	message string
}

func (r *refusal) Error() string { return r.message }

func refuse(code int16, message string) *refusal { return &refusal{code, message} }
