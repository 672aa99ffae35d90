// Package lines reads and writes the line format of the interop suite: tab-separated fields, hex for bytes, "-" for
// null. What each field is stands in interop/README.md.
package lines

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Patience is how long a client goes on with what does not succeed: longer than the slowest machine needs.
const Patience = 2 * time.Minute

// Header is one header of a record; a nil Value is null.
type Header struct {
	Name  string
	Value []byte
}

// Input is one record to send.
type Input struct {
	Line       int
	Timestamp  int64
	Key, Value []byte
	Headers    []Header
}

// Batch is the records of one codec, in the order in which they came.
type Batch struct {
	Codec  string
	Inputs []Input
}

// ReadInputs reads standard input to its end.
func ReadInputs() ([]*Batch, error) {
	var batches []*Batch
	byCodec := map[string]*Batch{}
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Buffer(nil, 16<<20)
	for line := 0; scanner.Scan(); line++ {
		f := strings.Split(scanner.Text(), "\t")
		if len(f) != 5 {
			return nil, fmt.Errorf("line %d: %d fields, not 5", line, len(f))
		}
		batch := byCodec[f[0]]
		if batch == nil {
			batch = &Batch{Codec: f[0]}
			byCodec[f[0]] = batch
			batches = append(batches, batch)
		}
		in := Input{Line: line, Key: Bytes(f[2]), Value: Bytes(f[3])}
		in.Timestamp, _ = strconv.ParseInt(f[1], 10, 64)
		for _, pair := range strings.Split(f[4], ",") {
			if name, value, ok := strings.Cut(pair, ":"); ok {
				in.Headers = append(in.Headers, Header{Name: string(Bytes(name)), Value: Bytes(value)})
			}
		}
		batch.Inputs = append(batch.Inputs, in)
	}
	return batches, scanner.Err()
}

// Bytes decodes hex; "-" is nil.
func Bytes(text string) []byte {
	if text == "-" {
		return nil
	}
	data, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return data
}

// Hex encodes bytes; nil is "-".
func Hex(data []byte) string {
	if data == nil {
		return "-"
	}
	return hex.EncodeToString(data)
}

// Record forms the line of a consumed record.
func Record(partition int, offset, timestamp int64, key, value []byte, headers []Header) string {
	pairs := make([]string, len(headers))
	for i, h := range headers {
		pairs[i] = Hex([]byte(h.Name)) + ":" + Hex(h.Value)
	}
	return fmt.Sprintf("%d\t%d\t%d\t%s\t%s\t%s", partition, offset, timestamp, Hex(key), Hex(value), strings.Join(pairs, ","))
}

// Main runs the named action and ends the program with status 1 if it fails.
func Main(path string, create func(bootstrap, topic string, partitions int) error,
	produce func(bootstrap, topic string) error, consume func(bootstrap, topic, group string, count int) error) {
	args := append(os.Args[1:], "", "", "", "", "")
	var err error
	switch args[0] {
	case "version":
		fmt.Println(moduleVersion(path))
	case "create":
		partitions, _ := strconv.Atoi(args[3])
		err = create(args[1], args[2], partitions)
	case "produce":
		err = produce(args[1], args[2])
	case "consume":
		count, _ := strconv.Atoi(args[4])
		err = consume(args[1], args[2], args[3], count)
	default:
		err = fmt.Errorf("unknown action %q", args[0])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
