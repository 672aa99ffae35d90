// Package target starts what the interop suite and the benchmarks talk to: leat, or Apache Kafka itself. Both get the
// same server.properties, serve on loopback, and keep their data in a directory that the caller names.
//
// It is for tests and measurements only: nothing of leat's own code is imported, the processes are seen from outside.
package target

import (
	"errors"
	"os"
	"path/filepath"
)

// Root is the checkout: the nearest directory above the current one that holds leat's go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "interop", "kafka", "pom.xml")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no interop/kafka/pom.xml above the current directory: run this inside the checkout")
		}
		dir = parent
	}
}

// Cache is where interop/setup.sh keeps what it fetched and built: $LEAT_INTEROP_CACHE, or .cache/interop in the checkout.
func Cache() (string, error) {
	if dir := os.Getenv("LEAT_INTEROP_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	root, err := Root()
	return filepath.Join(root, ".cache", "interop"), err
}
