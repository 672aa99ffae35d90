package tlsstore

import (
	"encoding/binary"
	"errors"
	"os"
	"runtime/metrics"
	"testing"
)

func allocated(do func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	do()
	metrics.Read(sample)
	return sample[0].Value.Uint64() - before
}

// TestADamagedStoreTakesNoMemory: a length in it is not believed.
func TestADamagedStoreTakesNoMemory(t *testing.T) {
	data := binary.BigEndian.AppendUint32(nil, 0xfeedfeed)
	data = append(data, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 'k', 0, 0, 0, 0, 0, 0, 0, 0)
	data = binary.BigEndian.AppendUint32(data, 1<<30) // the key, of which nothing is there
	var err error
	if cost := allocated(func() { _, err = openJKS(data, "changeit") }); cost > 1<<20 || !errors.Is(err, errJKS) {
		t.Errorf("%d bytes allocated, %v", cost, err)
	}
}

// TestAPanicOfAReaderIsAnError: the node goes on with the store that it has.
func TestAPanicOfAReaderIsAnError(t *testing.T) {
	if err := guarded(func() error { panic("index out of range") }); err == nil || err.Error() != "damaged: index out of range" {
		t.Error(err)
	}
}

// FuzzStores reads any bytes as stores in JKS and as PEM: nothing panics.
func FuzzStores(f *testing.F) {
	for _, name := range []string{"key.jks", "trust.jks", "key.pem", "ca.pem", "key-aes256.pem"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		if checkJKS(data) == nil {
			_, _ = jksKeys(data, "changeit", "changeit")
			_, _ = jksTrust(data, "changeit")
		}
		_, _ = pemKey(data, "changeit")
		_, _ = pemCertificates(data)
	})
}
