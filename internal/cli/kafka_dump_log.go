package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"leat/internal/cli/kafka"
	"leat/internal/cli/run"
	"leat/internal/fs"
)

// kafkaDumpLog is the name of Kafka's tool, which the program is when it is called by it.
const kafkaDumpLog = "kafka-dump-log"

// dumpLogFlags are the flags of kafka-dump-log, as Kafka calls them.
type dumpLogFlags struct {
	files                                                              string
	printData, deep, verifyIndexOnly, indexSanityCheck, skipMetadata   bool
	offsets, transactions, clusterMetadata, shareState, remoteMetadata bool
	keyDecoder, valueDecoder                                           string
	maxMessageSize, maxBytes                                           int32
	config                                                             string
}

const defaultDecoder = "org.apache.kafka.tools.api.StringDecoder"

func (p *program) kafkaDumpLogCommand() *cobra.Command {
	var flags dumpLogFlags
	cmd := &cobra.Command{
		Use:   kafkaDumpLog + " --files FILE,FILE...",
		Short: "Show segments and indexes as Kafka's kafka-dump-log does",
		Long: `Show segments and indexes as Kafka's kafka-dump-log does: the same flags, and the same lines on standard output.

A link to the program with the name kafka-dump-log or kafka-dump-log.sh is this command. Decoders are Java classes in Kafka; known here are
those that come with it: StringDecoder, DefaultDecoder, IntegerDecoder and LongDecoder. Nothing is ever written.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runKafkaDumpLog(cmd.Flags(), &flags) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.files, "files", "", "`FILES` to show, separated by commas; needed")
	f.BoolVar(&flags.printData, "print-data-log", false, "show keys and values, too; every decoder implies it")
	f.BoolVar(&flags.deep, "deep-iteration", false, "show the records of each batch; --print-data-log implies it")
	f.BoolVar(&flags.verifyIndexOnly, "verify-index-only", false, "hold indexes against their logs, without showing them")
	f.BoolVar(&flags.indexSanityCheck, "index-sanity-check", false, "make the check that decides at a start whether an index is built anew")
	f.BoolVar(&flags.skipMetadata, "skip-record-metadata", false, "show keys and values only; leaves control records out")
	f.BoolVar(&flags.offsets, "offsets-decoder", false, "values are records of __consumer_offsets")
	f.BoolVar(&flags.transactions, "transaction-log-decoder", false, "values are records of __transaction_state")
	f.BoolVar(&flags.clusterMetadata, "cluster-metadata-decoder", false, "values are records of the metadata log")
	f.BoolVar(&flags.shareState, "share-group-state-decoder", false, "values are records of __share_group_state")
	f.BoolVar(&flags.remoteMetadata, "remote-log-metadata-decoder", false, "values are records of __remote_log_metadata")
	f.StringVar(&flags.keyDecoder, "key-decoder-class", defaultDecoder, "decoder `CLASS` of keys")
	f.StringVar(&flags.valueDecoder, "value-decoder-class", defaultDecoder, "decoder `CLASS` of values")
	f.Int32Var(&flags.maxMessageSize, "max-message-size", 5<<20, "`SIZE` of the largest batch that an index may point to")
	f.Int32Var(&flags.maxBytes, "max-bytes", math.MaxInt32, "show batches of the first `SIZE` bytes of a log only")
	f.StringVar(&flags.config, "config", "", "properties `FILE` of the node, for the keys of encrypted segments")
	return cmd
}

// calledAs are the arguments without the program's name, which is a command of its own if it is that of one of Kafka's tools.
func calledAs(args []string) []string {
	if name := strings.TrimSuffix(filepath.Base(args[0]), ".sh"); slices.Contains(kafkaTools, name) || kafka.Has(name) {
		return append([]string{name}, args[1:]...)
	}
	return args[1:]
}

// toolArgs turns the arguments of a tool of Kafka's into ours.
func toolArgs(args []string) []string {
	if len(args) == 0 || args[0] != kafkaDumpLog {
		return args
	}
	return append([]string{kafkaDumpLog}, kafkaArgs(args[1:])...)
}

// kafkaArgs turns arguments as Kafka's tools take them into ours: a decoder flag may go without a value, or have it after a blank.
func kafkaArgs(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		name, value, has := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if !strings.HasPrefix(arg, "--") || name == "" {
			out = append(out, arg)
			continue
		}
		optional := name == "key-decoder-class" || name == "value-decoder-class"
		if optional && !has {
			if i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
				i++
				value = args[i]
			} else {
				value = defaultDecoder
			}
			has = true
		}
		if has {
			name += "=" + value
		}
		out = append(out, "--"+name)
	}
	return out
}

// runKafkaDumpLog shows the files one after the other; what is odd about them comes last, on standard error.
func (p *program) runKafkaDumpLog(set *pflag.FlagSet, flags *dumpLogFlags) error {
	if flags.files == "" {
		return run.Failed(errors.New(`missing required argument "[files]"`))
	}
	decode, err := flags.decoder()
	if err != nil {
		return err
	}
	files := strings.Split(flags.files, ",")
	fsys, done, err := openForReading(flags.config, logDirsOf(files))
	if err != nil {
		return run.Failed(err)
	}
	defer done()
	out := bufio.NewWriterSize(p.Out, 64<<10)
	d := &kafkaDump{
		fs: fsys, out: out, errors: p.Err, decode: decode, flags: *flags,
		printData: flags.decodes(set) || flags.printData,
	}
	for _, file := range files {
		if err := d.file(filepath.Clean(file)); err != nil {
			_ = out.Flush() // the error says more
			return run.Failed(fmt.Errorf("%s: %w", file, err))
		}
	}
	d.complain()
	if err := out.Flush(); err != nil {
		return run.Failed(err)
	}
	return nil
}

// decodes reports whether a decoder was asked for, which means that data is wanted.
func (f *dumpLogFlags) decodes(set *pflag.FlagSet) bool {
	return f.offsets || f.transactions || f.clusterMetadata || f.shareState || f.remoteMetadata ||
		set.Changed("key-decoder-class") || set.Changed("value-decoder-class")
}

// kafkaDump is one run of kafka-dump-log.
type kafkaDump struct {
	fs        fs.FS
	out       *bufio.Writer
	errors    io.Writer
	decode    decoder
	flags     dumpLogFlags
	printData bool

	complaints []string
}

// complain says on standard error what is odd.
func (d *kafkaDump) complain() {
	_ = d.out.Flush() // told by the last Flush
	for _, c := range d.complaints {
		fmt.Fprintln(d.errors, c)
	}
}

// file shows one file by its suffix.
func (d *kafkaDump) file(path string) error {
	fmt.Fprintf(d.out, "Dumping %s\n", path)
	switch filepath.Ext(path) {
	case ".log", ".checkpoint":
		return d.log(path)
	case ".index":
		return d.offsetIndex(path)
	case ".timeindex":
		return d.timeIndex(path)
	case ".snapshot":
		return d.snapshot(path)
	case ".txnindex":
		return d.txnIndex(path)
	}
	_ = d.out.Flush()
	fmt.Fprintf(d.errors, "Ignoring unknown file %s\n", path)
	return nil
}
