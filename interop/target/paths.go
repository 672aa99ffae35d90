// Package target starts what the interop suite and the benchmarks talk to: leat, or Apache Kafka itself. Both get the
// same server.properties, serve on loopback, and keep their data in a directory that the caller names.
//
// It is for tests and measurements only: nothing of leat's own code is imported, the processes are seen from outside.
package target

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
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

// freePorts asks the system for n different free ports. Another process may take one before it is used; that is seen at
// start, as a broker that does not become ready.
func freePorts(n int) ([]string, error) {
	ports := make([]string, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports[i] = strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
