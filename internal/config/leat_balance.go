package config

import (
	"fmt"
	"strconv"
)

// balanceKeys are those of moving replicas between brokers without being asked. The controller reads them.
var balanceKeys = []Key{
	{Name: "leat.balance.delay.ms", Type: Long, Default: "300000", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "How long no broker may have come, gone or restarted before replicas are moved to even brokers out; draining does not wait."},
	{Name: "leat.balance.disk.full.percent", Type: Int, Default: "85", Valid: between(10, 100), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "Used part of a log directory's disk above which replicas are moved to other brokers, and from 5% below which none are moved to it."},
	{Name: "leat.balance.drain", Type: List, Default: "", Valid: nodeIDs, Mode: ClusterWide, Importance: "HIGH", Built: true,
		Doc: "Node ids of the brokers that all replicas are moved away from and that new partitions avoid; leat cluster drain sets it."},
	{Name: "leat.balance.interval.ms", Type: Long, Default: "300000", Valid: atLeast(1000), Mode: ClusterWide, Importance: "LOW", Built: true,
		Doc: "How often brokers are asked how full they are, and whether anything should move is decided anew."},
	{Name: "leat.balance.min.bytes", Type: Long, Default: "1073741824", Valid: atLeast(1), Mode: ClusterWide, Importance: "LOW", Built: true,
		Doc: "Difference in bytes between brokers below which nothing is moved for the sake of bytes."},
	{Name: "leat.balance.mode", Type: String, Default: "auto", Valid: oneOf("auto", "drain-only", "off"), Mode: ClusterWide, Importance: "HIGH", Built: true,
		Doc: "What is moved without being asked: auto (drained brokers, full disks, racks, evenness), drain-only, or off."},
	{Name: "leat.balance.moves", Type: Int, Default: "4", Valid: atLeast(1), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "How many partitions are moved at a time."},
	{Name: "leat.balance.throttle.rate", Type: Long, Default: "52428800", Valid: atLeast(1), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "Bytes per second that a broker sends, and that it takes in, for replicas that leat moves by itself."},
	{Name: "leat.balance.tolerance.percent", Type: Int, Default: "10", Valid: between(1, 100), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "By how much of the mean a broker may have more or fewer replicas, bytes and leaders than the others before any is moved."},
}

var nodeIDs Rule = described{"node ids", func(value any) error {
	for _, item := range value.([]string) {
		if id, err := strconv.ParseInt(item, 10, 32); err != nil || id < 0 {
			return fmt.Errorf("%s is no node id", item)
		}
	}
	return nil
}}
