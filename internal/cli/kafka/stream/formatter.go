package stream

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/cli/kafka/tool"
	"leat/internal/storage/inspect/schema"
)

// formatter writes records as one of Kafka's formatters does.
type formatter func(dst []byte, r *kgo.Record) ([]byte, error)

// newFormatter finds a formatter by its class.
func newFormatter(class string, set properties, log io.Writer) (formatter, error) {
	const tools = "org.apache.kafka.tools.consumer."
	switch class {
	case tools + "DefaultMessageFormatter", tools + "LoggingMessageFormatter":
		return newDefaultFormatter(set, log).append, nil
	case tools + "NoOpMessageFormatter":
		return func(dst []byte, _ *kgo.Record) ([]byte, error) { return dst, nil }, nil
	case tools + "OffsetsMessageFormatter":
		return coordinatorFormatter(schema.Groups, 0, 1), nil
	case tools + "GroupMetadataMessageFormatter":
		return coordinatorFormatter(schema.Groups, 2), nil
	case tools + "TransactionLogMessageFormatter":
		return coordinatorFormatter(schema.Transactions, 0), nil
	case tools + "group.share.ShareGroupStateMessageFormatter":
		return coordinatorFormatter(schema.ShareState, 0, 1), nil
	}
	return nil, tool.Usage(class) // the message of a class that is not found is its name
}

// coordinatorFormatter writes records of an internal topic as JSON: those of some types.
func coordinatorFormatter(family schema.Family, types ...int16) formatter {
	return func(dst []byte, r *kgo.Record) ([]byte, error) {
		if len(r.Key) < 2 {
			return dst, nil
		}
		wanted, number := false, int16(binary.BigEndian.Uint16(r.Key))
		for _, t := range types {
			wanted = wanted || t == number
		}
		if !wanted {
			return dst, nil
		}
		key, value, err := schema.Coordinator(family, r.Key, r.Value)
		var unknown schema.UnknownTypeError
		if errors.As(err, &unknown) {
			return dst, nil
		}
		if err != nil {
			return dst, &tool.Exception{Class: "java.lang.RuntimeException", Message: fmt.Sprintf("Could not read record at offset %d due to: %v", r.Offset, err)}
		}
		dst = append(append(dst, `{"key":`...), unquoted(key, `{"type":"`)...)
		dst = append(dst, `,"value":`...)
		if value == nil {
			return append(dst, "null}"...), nil
		}
		return append(append(dst, unquoted(value, `{"version":"`)...), '}'), nil
	}
}

// unquoted writes the number at the beginning without the quotes that a dump of a log has around it.
func unquoted(text []byte, before string) []byte {
	rest, ok := bytes.CutPrefix(text, []byte(before))
	number, rest, end := bytes.Cut(rest, []byte(`"`))
	if !ok || !end {
		return text
	}
	return append(append([]byte(before[:len(before)-1]), number...), rest...)
}

// defaultFormatter is what the console consumer prints by unless told otherwise.
type defaultFormatter struct {
	columns               []column
	printKey, printValue  bool
	keySeparator, line    string
	headersSeparator      string
	null                  []byte
	key, value, headerVal deserializer
}

// column is something that stands before key and value.
type column func(f *defaultFormatter, dst []byte, r *kgo.Record) ([]byte, error)

func newDefaultFormatter(set properties, log io.Writer) *defaultFormatter {
	get := func(name, standard string) string {
		if v, ok := set[name]; ok {
			return v
		}
		return standard
	}
	f := &defaultFormatter{printKey: set.boolean("print.key", false), printValue: set.boolean("print.value", true), keySeparator: get("key.separator", "\t"),
		line: get("line.separator", "\n"), headersSeparator: get("headers.separator", ","), null: []byte(get("null.literal", "null"))}
	for _, c := range []struct {
		name  string
		write column
	}{{"print.timestamp", writeTimestamp}, {"print.partition", writePartition}, {"print.offset", writeOffset}, {"print.delivery", writeDelivery}, {"print.epoch", writeEpoch},
		{"print.headers", writeHeaders}} {
		if set.boolean(c.name, false) {
			f.columns = append(f.columns, c.write)
		}
	}
	f.key = deserializerOf(set["key.deserializer"], log)
	f.value = deserializerOf(set["value.deserializer"], log)
	f.headerVal = deserializerOf(set["headers.deserializer"], log)
	return f
}

func (f *defaultFormatter) append(dst []byte, r *kgo.Record) ([]byte, error) {
	var err error
	for i, write := range f.columns {
		if dst, err = write(f, dst, r); err != nil {
			return dst, err
		}
		if i == len(f.columns)-1 && !f.printKey && !f.printValue {
			return append(dst, f.line...), nil
		}
		dst = append(dst, f.keySeparator...)
	}
	if f.printKey {
		if dst, err = f.bytes(dst, f.key, r.Key); err != nil {
			return dst, err
		}
		if !f.printValue {
			return append(dst, f.line...), nil
		}
		dst = append(dst, f.keySeparator...)
	}
	if f.printValue {
		if dst, err = f.bytes(dst, f.value, r.Value); err != nil {
			return dst, err
		}
		dst = append(dst, f.line...)
	}
	return dst, nil
}

func (f *defaultFormatter) bytes(dst []byte, read deserializer, b []byte) ([]byte, error) {
	if b == nil {
		b = f.null
	}
	if read == nil {
		return append(dst, b...), nil
	}
	text, err := read(b)
	return append(dst, text...), err
}

func writeTimestamp(_ *defaultFormatter, dst []byte, r *kgo.Record) ([]byte, error) {
	switch r.Attrs.TimestampType() {
	case 0:
		dst = append(dst, "CreateTime:"...)
	case 1:
		dst = append(dst, "LogAppendTime:"...)
	default:
		return append(dst, "NO_TIMESTAMP"...), nil
	}
	return strconv.AppendInt(dst, r.Timestamp.UnixMilli(), 10), nil
}

func writePartition(_ *defaultFormatter, dst []byte, r *kgo.Record) ([]byte, error) {
	return strconv.AppendInt(append(dst, "Partition:"...), int64(r.Partition), 10), nil
}

func writeOffset(_ *defaultFormatter, dst []byte, r *kgo.Record) ([]byte, error) {
	return strconv.AppendInt(append(dst, "Offset:"...), r.Offset, 10), nil
}

func writeDelivery(_ *defaultFormatter, dst []byte, r *kgo.Record) ([]byte, error) {
	if dst = append(dst, "Delivery:"...); r.DeliveryCount() > 0 {
		return strconv.AppendInt(dst, int64(r.DeliveryCount()), 10), nil
	}
	return append(dst, "NOT_PRESENT"...), nil
}

// writeEpoch says what Kafka's console consumers say: they leave the epoch behind.
func writeEpoch(_ *defaultFormatter, dst []byte, _ *kgo.Record) ([]byte, error) {
	return append(dst, "Epoch:NOT_PRESENT"...), nil
}

func writeHeaders(f *defaultFormatter, dst []byte, r *kgo.Record) ([]byte, error) {
	if len(r.Headers) == 0 {
		return append(dst, "NO_HEADERS"...), nil
	}
	for i, h := range r.Headers {
		if i > 0 {
			dst = append(dst, f.headersSeparator...)
		}
		var err error
		if dst, err = f.bytes(append(append(dst, h.Key...), ':'), f.headerVal, h.Value); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// deserializer turns bytes into the text that Java prints of the value.
type deserializer func([]byte) (string, error)

// deserializerOf finds one of those that come with Kafka; of others it complains, and bytes stay as they are.
func deserializerOf(class string, log io.Writer) deserializer {
	if class == "" {
		return nil
	}
	const common = "org.apache.kafka.common.serialization."
	name, ok := strings.CutPrefix(class, common)
	if read := deserializers[name]; ok && read != nil {
		return read
	}
	logError(log, "org.apache.kafka.tools.consumer.DefaultMessageFormatter", "Unable to instantiate a deserializer from "+class,
		&tool.Exception{Class: "java.lang.ClassNotFoundException", Message: class})
	return nil
}

// deserializers are Kafka's. Byte arrays are written as they are, where Java has only the address of the object.
var deserializers = map[string]deserializer{
	"StringDeserializer":    func(b []byte) (string, error) { return string([]rune(string(b))), nil },
	"ByteArrayDeserializer": func(b []byte) (string, error) { return string(b), nil },
	"ByteBufferDeserializer": func(b []byte) (string, error) {
		return fmt.Sprintf("java.nio.HeapByteBuffer[pos=0 lim=%d cap=%d]", len(b), len(b)), nil
	},
	"BytesDeserializer": func(b []byte) (string, error) { return printable(b), nil },
	"VoidDeserializer": func(b []byte) (string, error) {
		return "", tool.Illegal("Data should be null for a VoidDeserializer.")
	},
	"ShortDeserializer":   sized("ShortDeserializer", 2, func(b []byte) string { return strconv.Itoa(int(int16(binary.BigEndian.Uint16(b)))) }),
	"IntegerDeserializer": sized("IntegerDeserializer", 4, func(b []byte) string { return strconv.Itoa(int(int32(binary.BigEndian.Uint32(b)))) }),
	"LongDeserializer":    sized("LongDeserializer", 8, func(b []byte) string { return strconv.FormatInt(int64(binary.BigEndian.Uint64(b)), 10) }),
	"FloatDeserializer":   sized("Deserializer", 4, func(b []byte) string { return float(math.Float32frombits(binary.BigEndian.Uint32(b))) }),
	"DoubleDeserializer":  sized("DoubleDeserializer", 8, func(b []byte) string { return tool.Double(math.Float64frombits(binary.BigEndian.Uint64(b))) }),
	"BooleanDeserializer": boolean,
	"UUIDDeserializer":    uuid,
}

// sized reads values of one length only.
func sized(name string, size int, read func([]byte) string) deserializer {
	return func(b []byte) (string, error) {
		if len(b) != size {
			return "", serialization("Size of data received by %s is not %d", name, size)
		}
		return read(b), nil
	}
}

func serialization(format string, args ...any) error {
	return &tool.Exception{Class: "org.apache.kafka.common.errors.SerializationException", Message: fmt.Sprintf(format, args...)}
}

func boolean(b []byte) (string, error) {
	switch {
	case len(b) != 1:
		return "", serialization("Size of data received by BooleanDeserializer is not 1")
	case b[0] == 1:
		return "true", nil
	case b[0] == 0:
		return "false", nil
	}
	return "", serialization("Unexpected byte received by BooleanDeserializer: %d", int8(b[0]))
}

// uuid takes what Java takes: five groups of hex digits.
func uuid(b []byte) (string, error) {
	parts := strings.Split(string(b), "-")
	if len(parts) != 5 {
		return "", serialization("Error parsing data into UUID")
	}
	var out []string
	for i, size := range []int{8, 4, 4, 4, 12} {
		v, err := strconv.ParseUint(parts[i], 16, 64)
		if err != nil || len(parts[i]) > 16 {
			return "", serialization("Error parsing data into UUID")
		}
		digits := fmt.Sprintf("%016x", v)
		out = append(out, digits[16-size:])
	}
	return strings.Join(out, "-"), nil
}

// printable writes bytes as Kafka's Bytes does: what cannot be seen as \xHH.
func printable(b []byte) string {
	var out strings.Builder
	for _, c := range b {
		if c >= ' ' && c <= '~' && c != '\\' {
			out.WriteByte(c)
		} else {
			out.WriteString(`\x` + strings.ToUpper(hex.EncodeToString([]byte{c})))
		}
	}
	return out.String()
}

// float writes a number as Java's Float.toString does.
func float(v float32) string {
	switch size := math.Abs(float64(v)); {
	case size == 0 || math.IsNaN(size) || math.IsInf(size, 0):
		return tool.Double(float64(v))
	case size >= 1e-3 && size < 1e7:
		text := strconv.FormatFloat(float64(v), 'f', -1, 32)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		return text
	}
	digits, exponent, _ := strings.Cut(strconv.FormatFloat(float64(v), 'e', -1, 32), "e")
	if !strings.Contains(digits, ".") {
		digits += ".0"
	}
	n, _ := strconv.Atoi(exponent) // it is a number
	return digits + "E" + strconv.Itoa(n)
}
