package storage

import (
	"testing"

	"leat/internal/record"
)

func TestNamesOfFutureLogsAreKafkas(t *testing.T) {
	for name, want := range map[string]string{
		"orders-3.9f6ef4b7d6af4c7d8ef0b7a2f1c9f7a1-future": "orders-3",
		"a.b-c-12.9f6ef4b7d6af4c7d8ef0b7a2f1c9f7a1-future": "a.b-c-12",
		"orders-3.9f6ef4b7d6af4c7d8ef0b7a2f1c9f7a1-delete": "",
		"orders-3.9f6ef4b7d6af4c7d8ef0b7a2f1c9f7-future":   "",
		"orders.9f6ef4b7d6af4c7d8ef0b7a2f1c9f7a1-future":   "",
		"orders-3.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-future": "",
		"orders-3-future": "",
		"-3.9f6ef4b7d6af4c7d8ef0b7a2f1c9f7a1-future":         "",
		"orders-003.9f6ef4b7d6af4c7d8ef0b7a2f1c9f7a1-future": "",
	} {
		tp, ok := parseFutureDir(name)
		if ok != (want != "") || ok && tp.String() != want {
			t.Errorf("%s: %v, %v", name, tp, ok)
		}
	}
	unique := record.UUID{0: 0xab, 15: 0xcd}
	if tp, ok := parseFutureDir(retiredDirName(record.TopicPartition{Topic: "orders", Partition: 4}, unique, futureDirSuffix)); !ok || tp.String() != "orders-4" {
		t.Errorf("%v, %v", tp, ok)
	}
}
