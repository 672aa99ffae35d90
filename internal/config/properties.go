package config

import (
	"fmt"

	"github.com/magiconair/properties"
)

// ReadProperties reads a file in java.util.Properties format. Nothing in it is expanded: ${...} stays as it is.
func ReadProperties(data []byte) (map[string]string, error) {
	loader := properties.Loader{Encoding: properties.ISO_8859_1, DisableExpansion: true}
	p, err := loader.LoadBytes(data)
	if err != nil {
		return nil, fmt.Errorf("not a properties file: %w", err)
	}
	return p.Map(), nil
}
