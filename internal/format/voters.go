package format

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"leat/internal/quorum/consensus"
	"leat/internal/record"
)

// voter is a controller of kraft.version 0 and 1. Its listener's name is still to be given.
func voter(id int32, host string, port uint16, dirID record.UUID) consensus.Member {
	return consensus.Member{
		Replica: consensus.Replica{ID: id, DirID: dirID}, MaxKRaft: 1,
		Endpoints: []consensus.Endpoint{{Host: cmp.Or(host, "localhost"), Port: port}},
	}
}

// ParseVoters reads id@host:port:directory,... where a host of IPv6 stands in brackets.
func ParseVoters(text string) ([]consensus.Member, error) {
	var voters []consensus.Member
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		v, err := parseVoter(item)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(voters, func(o consensus.Member) bool { return o.ID == v.ID }) {
			return nil, Refuse("Node id %d was specified more than once.", v.ID)
		}
		voters = append(voters, v)
	}
	if len(voters) == 0 {
		return nil, Refuse("No voters given.")
	}
	return voters, nil
}

func parseVoter(item string) (consensus.Member, error) {
	none := consensus.Member{}
	idText, rest, ok := strings.Cut(item, "@")
	if !ok {
		return none, Refuse("No @ found in dynamic voter string.")
	}
	id, err := strconv.ParseInt(idText, 10, 32)
	switch {
	case idText == "":
		return none, Refuse("Invalid @ at beginning of dynamic voter string.")
	case err != nil:
		return none, Refuse("Failed to parse node id in dynamic voter string.")
	case id < 0:
		return none, Refuse("Invalid negative node id %d in dynamic voter string.", id)
	case rest == "":
		return none, Refuse("No hostname found after node id.")
	}
	var host string
	if inner, bracket := strings.CutPrefix(rest, "["); bracket {
		if host, rest, ok = strings.Cut(inner, "]"); !ok {
			return none, Refuse("Hostname began with left bracket, but no right bracket was found.")
		}
		if rest, ok = strings.CutPrefix(rest, ":"); !ok {
			return none, Refuse("Port section must start with a colon.")
		}
	} else if host, rest, ok = strings.Cut(rest, ":"); !ok {
		return none, Refuse("No colon following hostname could be found.")
	}
	portText, dirText, ok := strings.Cut(rest, ":")
	if !ok {
		return none, Refuse("No colon following port could be found.")
	}
	port, err := strconv.ParseInt(portText, 10, 32)
	switch {
	case err != nil:
		return none, Refuse("Failed to parse port in dynamic voter string.")
	case port < 0 || port > 65535:
		return none, Refuse("Invalid port %d in dynamic voter string.", port)
	}
	dirID, err := record.ParseUUID(dirText)
	if err != nil {
		return none, Refuse("Failed to parse directory ID in dynamic voter string.")
	}
	return voter(int32(id), host, uint16(port), dirID), nil
}
