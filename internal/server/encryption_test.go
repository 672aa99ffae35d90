package server

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/fs"
	"leat/internal/sim"
)

// sealedRig is a rig with a key file, and a topic that is encrypted beside one that is not.
func sealedRig(t *testing.T, set map[string]string) *rig {
	t.Helper()
	network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
	r := &rig{files: fs.NewMem(), broker: network.Host("broker"), client: network.Host("client")}
	if err := fs.WriteFile(r.files, "keys", []byte("2026:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.start(t, set)
	client := r.impatient(t)
	defer client.Close()
	on := "aes-gcm"
	for topic, configs := range map[string]map[string]*string{"secret": {"leat.encryption": &on}, "open": nil} {
		if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, configs, topic); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// record writes records to a topic, uncompressed.
func (r *rig) record(t *testing.T, topic string, from, count int) error {
	t.Helper()
	client := r.impatient(t, kgo.ProducerBatchCompression(kgo.NoCompression()))
	defer client.Close()
	_, err := produceMany(t.Context(), client, topic, from, count)
	return err
}

const secretSegment = "data/secret-0/00000000000000000000.log"

var withKeys = map[string]string{"leat.encryption.key.file": "keys"}

func TestClusterAnEncryptedTopicIsReadAfterRestartAndKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := sealedRig(t, withKeys)
		for i := range 3 {
			for _, topic := range []string{"secret", "open"} {
				if err := r.record(t, topic, 20*i, 20); err != nil {
					t.Fatal(err)
				}
			}
			if i == 0 {
				r.node.shutDown(t)
			} else {
				r.files = r.node.kill(r.files)
			}
			r.start(t, withKeys)
		}
		for topic, plain := range map[string]bool{"secret": false, "open": true} {
			got, err := r.consume(t, topic)
			if err != nil {
				t.Error(err)
			}
			wantValues(t, got, 60)
			onDisk, err := fs.ReadFile(r.files, strings.Replace(secretSegment, "secret", topic, 1))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(onDisk), "record 5") != plain {
				t.Errorf("%s on disk: record 5 in the clear is %t, expected %t", topic, !plain, plain)
			}
		}
		client := r.impatient(t)
		defer client.Close()
		described, err := kadm.NewClient(client).DescribeTopicConfigs(t.Context(), "secret", "open")
		if err != nil {
			t.Fatal(err)
		}
		for topic, want := range map[string]string{"secret": "aes-gcm", "open": "none"} {
			configs, err := described.On(topic, nil)
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, c := range configs.Configs {
				found = found || c.Key == "leat.encryption" && c.MaybeValue() == want
			}
			if !found {
				t.Errorf("%s: DescribeConfigs does not show leat.encryption=%s", topic, want)
			}
		}
		r.node.shutDown(t)
	})
}

func TestClusterANodeWithoutTheKeyOfItsSegmentsDoesNotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := sealedRig(t, withKeys)
		if err := r.record(t, "secret", 0, 5); err != nil {
			t.Fatal(err)
		}
		r.node.shutDown(t)
		for _, set := range []map[string]string{nil, {"leat.encryption.key.file": "other"}} {
			if err := fs.WriteFile(r.files, "other", []byte("2027:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := bubbleTry(t, r.broker, r.files, set, r.logs.handler())
			if !errors.Is(err, fs.ErrNoKey) || !strings.Contains(err.Error(), "log directory data: ") || !strings.Contains(err.Error(), `"2026"`) {
				t.Errorf("start with %v: %v", set, err)
			}
		}
		r.start(t, withKeys)
		got, err := r.consume(t, "secret")
		if err != nil {
			t.Error(err)
		}
		wantValues(t, got, 5)
		r.node.shutDown(t)
	})
}

func TestClusterATopicThatWantsEncryptionWithoutAKeyTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := sealedRig(t, nil)
		if err := r.record(t, "secret", 0, 1); !errors.Is(err, kerr.KafkaStorageError) {
			t.Errorf("produce: %v, expected KAFKA_STORAGE_ERROR", err)
		}
		r.logs.want(t, "key missing", "secret", "leat.encryption.key.file")
		if err := r.record(t, "open", 0, 10); err != nil {
			t.Errorf("the other topic in the same directory: %v", err)
		}
		r.node.shutDown(t)
	})
}

func TestClusterADamagedEncryptedPieceCostsItsPartitionOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := sealedRig(t, withKeys)
		for _, topic := range []string{"secret", "open"} {
			if err := r.record(t, topic, 0, 40); err != nil {
				t.Fatal(err)
			}
		}
		f, err := r.files.OpenFile(secretSegment, 2, 0)
		if err != nil {
			t.Fatal(err)
		}
		size, err := f.Size()
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1)
		at := 96 + (size-96)/40*25 + 60 // within the content of the 26th piece
		if _, err := f.ReadAt(b, at); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{b[0] ^ 1}, at); err != nil {
			t.Fatal(err)
		}
		got, _ := r.consume(t, "secret") // some clients tell, this one tries again
		wantValues(t, got, 25)
		client := r.impatient(t, kgo.KeepRetryableFetchErrors(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"secret": {0: kgo.NewOffset().At(25)}}))
		defer client.Close()
		ctx, cancel := contextFor(t, 20*time.Second)
		defer cancel()
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); !errors.Is(err, kerr.CorruptMessage) || fetches.NumRecords() > 0 {
			t.Errorf("from the damaged record on: %d records, %v, expected CORRUPT_MESSAGE", fetches.NumRecords(), err)
		}
		r.logs.want(t, "log damaged", "secret", secretSegment, "encrypted file")
		if got, err = r.consume(t, "open"); err != nil {
			t.Errorf("the other partition: %v", err)
		}
		wantValues(t, got, 40)
		r.node.shutDown(t)
	})
}
