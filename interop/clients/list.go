package clients

import (
	"path/filepath"

	"leat/interop/record"
	"leat/interop/target"
)

// List is every client of the suite, the Java client first: what it wrote is read by all others.
func List() ([]Client, error) {
	cache, err := target.Cache()
	if err != nil {
		return nil, err
	}
	root, err := target.Root()
	if err != nil {
		return nil, err
	}
	in := func(parts ...string) string { return filepath.Join(append([]string{root, "interop"}, parts...)...) }
	built := func(parts ...string) string { return filepath.Join(append([]string{cache}, parts...)...) }

	five := []string{"none", "gzip", "snappy", "lz4", "zstd"}
	// kafkajs keeps headers in an object, so the headers of one name stand together, and none is null.
	grouped := record.All
	grouped.IntervalHeader, grouped.NullHeader = false, false
	// kafka-go reads what is empty as nil.
	unempty := record.All
	unempty.Empty = false
	// aiokafka refuses a record without key and value.
	something := record.All
	something.NullBoth = false
	text := record.Able{}
	console := record.Able{NullKey: true, NullValue: true, Headers: true}

	return []Client{
		{"Java client", "Java", five, record.All, record.Murmur2, true,
			program{argv: []string{"java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp",
				built("java", "java-client-1.jar") + ":" + built("java", "libs", "*"), "interop.Driver"}}},
		{"franz-go", "Go", five, record.All, record.Murmur2, true, program{argv: []string{built("bin", "franz")}}},
		{"kafka-go", "Go", five, unempty, record.Murmur2, true, program{argv: []string{built("bin", "segmentio")}}},
		{"confluent-kafka", "Python", five, record.All, record.CRC32, true,
			program{argv: []string{built("python", "bin", "python"), in("python", "confluent.py")}}},
		{"aiokafka", "Python", five, something, record.Murmur2, true,
			program{argv: []string{built("python", "bin", "python"), in("python", "aio.py")}}},
		{"kafkajs", "JavaScript", five, grouped, record.Murmur2, true,
			program{argv: []string{"node", in("node", "kafkajs.js")}}},
		{"rdkafka", "Rust", five, record.All, record.CRC32, true,
			program{argv: []string{built("rust", "debug", "leat-interop-rust")}}},
		{"kcat", "C", five, text, record.CRC32, false, kcat{}},
		{"console tools", "Java", five, console, record.Murmur2, true, consoleTools{}},
	}, nil
}
