package config

import "errors"

// noCallback refuses a class of Kafka's: quotas that its owner relies on would silently not be there.
var noCallback Rule = described{"", func(value any) error {
	if text, _ := value.(string); text != "" {
		return errors.New("classes of Kafka's cannot be loaded: leave the key out and set quotas with kafka-configs")
	}
	return nil
}}
