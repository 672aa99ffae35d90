package cli

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
	leatfs "leat/internal/fs"
	"leat/internal/storage/inspect"
	"leat/internal/storage/inspect/schema"
)

func (p *program) logCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Look at log directories, without a node",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.logDumpCommand(), p.logVerifyCommand())
	return cmd
}

// dumpFlags are the flags of leat log dump.
type dumpFlags struct {
	records, values bool
	decode          string
	from            int64
	limit           int64
	config          string
}

func (p *program) logDumpCommand() *cobra.Command {
	var flags dumpFlags
	out := present.To(p.Streams)
	cmd := &cobra.Command{
		Use:   "dump PATH...",
		Short: "Show what stands in the files of a log directory",
		Long: `Show what stands in the files of a log directory: segments, their indexes, producer snapshots, leader epochs, checkpoints, partition.metadata,
meta.properties, and snapshots of the metadata log. PATH is a file, a partition's directory, or a log directory. Nothing is written, so the
node may run; what it is just writing may look torn.

With -o json each line is an object whose "kind" says what it is: file, batch, record, offset_entry, time_entry, aborted_transaction,
producer, epoch, offset, property, or trouble. Fields are only ever added. -o yaml has a document for each, and a template is used for each.`,
		Example: `  leat log dump leat-data/orders-0/00000000000000000000.log
  leat log dump --values --from 1200 --limit 10 leat-data/orders-0
  leat log dump --values -o json leat-data/__consumer_offsets-7`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runLogDump(out, &flags, args) },
	}
	f := cmd.Flags()
	f.BoolVar(&flags.records, "records", false, "show the records of each batch")
	f.BoolVar(&flags.values, "values", false, "show the records with their keys, values and headers")
	f.StringVar(&flags.decode, "decode", "auto", "`HOW` keys and values are shown: auto (by topic), text, hex, groups, transactions, share, remote or metadata")
	f.Int64Var(&flags.from, "from", 0, "leave out what lies before this `OFFSET`")
	f.Int64Var(&flags.limit, "limit", math.MaxInt64, "show at most `COUNT` batches of each segment")
	out.Add(cmd)
	f.StringVar(&flags.config, "config", "", "properties `FILE` of the node, for the keys of encrypted segments")
	complete(cmd, "decode", "auto", "text", "hex", "groups", "transactions", "share", "remote", "metadata")
	return cmd
}

func runLogDump(form *present.Output, flags *dumpFlags, paths []string) error {
	if err := form.Check(); err != nil {
		return err
	}
	if _, ok := decoders[flags.decode]; !ok && flags.decode != "auto" {
		return fmt.Errorf("--decode=%s: not one of auto, text, hex, groups, transactions, share, remote, metadata", flags.decode)
	}
	files, err := filesBelow(paths)
	if err != nil {
		return run.Failed(err)
	}
	fsys, done, err := openForReading(flags.config, logDirsOf(files))
	if err != nil {
		return run.Failed(err)
	}
	defer done()
	out := form.Lines()
	d := &dump{fs: fsys, out: out, flags: flags}
	for _, file := range files {
		if err := d.file(file); err != nil {
			d.trouble++
			d.out.Add(&troubleLine{Kind: "trouble", File: file, Problem: err.Error()})
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if d.trouble > 0 {
		return run.Failed(fmt.Errorf("%d of %d files could not be read to their end", d.trouble, len(files)))
	}
	return nil
}

// filesBelow lists files, and for directories what they hold, sorted as the file system sorts names.
func filesBelow(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		err := filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if !e.IsDir() && (name == path || dumpable(name)) {
				files = append(files, name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// dumpable reports whether a file of a directory is shown without being named.
func dumpable(name string) bool { return fileKind(name) != "" }

// dump is one run of leat log dump.
type dump struct {
	fs      leatfs.FS
	out     *present.Lines
	flags   *dumpFlags
	trouble int
}

// decoders are the values of --decode.
var decoders = map[string]decoder{
	"text":         func(r *inspect.Row) (*string, *string) { return maybe(r.Key, javaText), maybe(r.Value, javaText) },
	"hex":          func(r *inspect.Row) (*string, *string) { return maybe(r.Key, hexText), maybe(r.Value, hexText) },
	"groups":       coordinatorDecoder(schema.Groups),
	"transactions": coordinatorDecoder(schema.Transactions),
	"share":        coordinatorDecoder(schema.ShareState),
	"remote":       valueDecoder("error at offset ", schema.RemoteLogMetadata),
	"metadata":     valueDecoder("error at offset ", schema.Metadata),
}

// topicDecoders say which decoder fits the internal topics.
var topicDecoders = []struct{ prefix, decoder string }{
	{"__consumer_offsets-", "groups"}, {"__transaction_state-", "transactions"}, {"__share_group_state-", "share"},
	{"__remote_log_metadata-", "remote"}, {"__cluster_metadata-", "metadata"},
}

// decoderOf is the decoder for a file.
func (d *dump) decoderOf(path string) decoder {
	if d.flags.decode != "auto" {
		return decoders[d.flags.decode]
	}
	if strings.HasSuffix(path, ".checkpoint") {
		return decoders["metadata"]
	}
	dir := filepath.Base(filepath.Dir(absolute(path)))
	i := slices.IndexFunc(topicDecoders, func(t struct{ prefix, decoder string }) bool { return strings.HasPrefix(dir, t.prefix) })
	if i < 0 {
		return decoders["text"]
	}
	return decoders[topicDecoders[i].decoder]
}

// fileKind is what a file is, by its name; "" for what is not shown unless it is named.
func fileKind(path string) string {
	name := filepath.Base(path)
	for _, way := range []string{".deleted", ".cleaned", ".swap"} {
		name = strings.TrimSuffix(name, way)
	}
	switch ext := filepath.Ext(name); ext {
	case ".log", ".index", ".timeindex", ".txnindex", ".snapshot", ".checkpoint":
		return ext[1:]
	}
	switch name {
	case "leader-epoch-checkpoint", "partition.metadata", "meta.properties", ".kafka_cleanshutdown", "quorum-state":
		return name
	case "recovery-point-offset-checkpoint", "log-start-offset-checkpoint", "replication-offset-checkpoint", inspect.CleanerOffsets:
		return "offsets"
	}
	return ""
}

// file shows one file.
func (d *dump) file(path string) error {
	kind := fileKind(path)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	d.out.Add(&fileLine{Kind: "file", File: path, Type: kind, Bytes: info.Size()})
	switch kind {
	case "log", "checkpoint":
		return d.segment(path)
	case "index":
		return d.offsetIndex(path)
	case "timeindex":
		return d.timeIndex(path)
	case "":
		return fmt.Errorf("not a file of a log directory")
	}
	return d.small(path, kind)
}
