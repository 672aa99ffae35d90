package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Voter is one entry of controller.quorum.voters.
type Voter struct {
	ID   int32
	Host string
	Port int
}

// Voters is controller.quorum.voters, parsed.
func (v *Values) Voters() []Voter {
	voters, _ := parseVoters(v.List("controller.quorum.voters")) // its rule has accepted it
	return voters
}

// parseVoters reads id@host:port.
func parseVoters(items []string) ([]Voter, error) {
	var voters []Voter
	seen := map[int32]bool{}
	for _, item := range items {
		idText, address, ok := strings.Cut(item, "@")
		if !ok {
			return nil, fmt.Errorf("%q is not id@host:port: write for instance 1@controller1:9093", item)
		}
		id, err := strconv.ParseInt(idText, 10, 32)
		if err != nil || id < 0 {
			return nil, fmt.Errorf("%q has the id %q: an id is a whole number from 0", item, idText)
		}
		host, port, err := splitHostPort(address)
		if err != nil {
			return nil, err
		}
		if seen[int32(id)] {
			return nil, fmt.Errorf("node %d is named twice", id)
		}
		seen[int32(id)] = true
		voters = append(voters, Voter{int32(id), host, port})
	}
	return voters, nil
}
