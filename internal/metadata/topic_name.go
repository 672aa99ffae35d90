package metadata

import "fmt"

// maxTopicName is the longest topic name that Kafka accepts: a partition's directory name must fit a file system.
const maxTopicName = 249

// CheckTopicName says what is wrong with a topic name, nil if it is legal: 1 to 249 of the characters a-z, A-Z, 0-9, '.', '_' and
// '-', and neither "." nor "..".
func CheckTopicName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("topic name is empty: give it 1 to %d characters", maxTopicName)
	case name == "." || name == "..":
		return fmt.Errorf("topic name %q: '.' and '..' are directories, choose another name", name)
	case len(name) > maxTopicName:
		return fmt.Errorf("topic name of %d characters: %d are the most", len(name), maxTopicName)
	}
	for i := 0; i < len(name); i++ {
		if !topicNameByte(name[i]) {
			return fmt.Errorf("topic name %q: character %q at %d is not one of a-z, A-Z, 0-9, '.', '_', '-'", name, name[i], i)
		}
	}
	return nil
}

func topicNameByte(b byte) bool {
	switch {
	case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', b == '.', b == '_', b == '-':
		return true
	}
	return false
}

// InternalTopic reports whether a topic is one of the platform's own, which no client creates.
func InternalTopic(name string) bool {
	switch name {
	case "__consumer_offsets", "__transaction_state", "__share_group_state", "__leat_timers", "__leat_audit":
		return true
	}
	return false
}
