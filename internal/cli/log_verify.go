package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
	"leat/internal/fs"
	"leat/internal/storage"
	"leat/internal/storage/inspect"
)

// verifyFlags are the flags of leat log verify.
type verifyFlags struct {
	deep, running bool
	workers       int
	config        string
}

func (p *program) logVerifyCommand() *cobra.Command {
	var flags verifyFlags
	out := present.To(p.Streams)
	cmd := &cobra.Command{
		Use:   "verify DIR...",
		Short: "Check the log directories of a node that is stopped",
		Long: `Check the log directories of a node that is stopped: every batch's length, CRC, offsets and leader epoch, the indexes against the log, producer
snapshots, checkpoints, and what was left over. Nothing is ever written: opening a directory with leat server would mend what can be mended.

One line is printed for each finding, with file and position: damage stays until somebody acts, repair is mended by the next start (such as
what was never synced), a note is worth knowing. The exit status is 0 without damage and 1 with it.`,
		Example: `  leat log verify leat-data
  leat log verify --deep -o json /disk1/leat /disk2/leat`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runLogVerify(out, &flags, args) },
	}
	f := cmd.Flags()
	f.BoolVar(&flags.deep, "deep", false, "decompress and decode every record, too")
	f.BoolVar(&flags.running, "running", false, "go on if a node has a directory open; what it is just writing may look torn")
	f.IntVar(&flags.workers, "workers", 0, "`COUNT` of segments checked at once; 0 is one per processor")
	out.Add(cmd)
	f.StringVar(&flags.config, "config", "", "properties `FILE` of the node, for the keys of encrypted segments")
	return cmd
}

// verifyResult is what is found.
type verifyResult struct {
	*inspect.Report
	Seconds        float64 `json:"seconds"`
	GBPerSecond    float64 `json:"gb_per_second"`
	NodeIsRunning  bool    `json:"node_is_running"`
	KeysWereNeeded bool    `json:"keys_were_missing"`
}

func runLogVerify(form *present.Output, flags *verifyFlags, dirs []string) error {
	if err := form.Check(); err != nil {
		return err
	}
	running := ""
	for i, dir := range dirs {
		dirs[i] = filepath.Clean(dir)
		if _, err := os.Stat(filepath.Join(dirs[i], storage.FileNames.PartitionMetadata)); err == nil { // nothing in it would be looked at, and nothing found
			return fmt.Errorf("%s: it is the directory of a partition: name the log directory that it is in", dirs[i])
		}
		locked, err := fs.Locked(filepath.Join(dirs[i], storage.FileNames.Lock))
		if err != nil {
			return run.Failed(err)
		}
		if locked {
			running = dirs[i]
		}
	}
	if running != "" && !flags.running {
		return run.Failed(fmt.Errorf("log directory %s is in use: stop the node, or use --running and expect what it is just writing to look torn", running))
	}
	fsys, done, err := openForReading(flags.config, dirs)
	if err != nil {
		return run.Failed(err)
	}
	defer done()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	began := time.Now()
	report, err := inspect.Verify(ctx, inspect.VerifyConfig{FS: fsys, Dirs: dirs, Deep: flags.deep, Workers: flags.workers})
	if err != nil {
		return run.Failed(err)
	}
	r := &verifyResult{Report: report, Seconds: time.Since(began).Seconds(), NodeIsRunning: running != "", KeysWereNeeded: report.Encrypted > 0}
	r.GBPerSecond = float64(r.Bytes) / 1e9 / max(r.Seconds, 1e-9)
	if err := printReport(form, r); err != nil {
		return run.Failed(err)
	}
	if r.Damage > 0 {
		return run.Failed(errors.New("damage was found"))
	}
	return nil
}

func printReport(form *present.Output, r *verifyResult) error {
	if !form.People() {
		return form.Show(r)
	}
	out := bufio.NewWriter(form.Out)
	for _, f := range r.Findings {
		fmt.Fprintln(out, f)
	}
	if r.NotListed > 0 {
		fmt.Fprintf(out, "%d findings more are not listed\n", r.NotListed)
	}
	fmt.Fprintf(out, "%d partitions, %d segments, %d batches, %d records, %d bytes in %.1f s (%.2f GB/s): damage %d, repairs %d, notes %d\n",
		r.Partitions, r.Segments, r.Batches, r.Records, r.Bytes, r.Seconds, r.GBPerSecond, r.Damage, r.Repairs, r.Notes)
	if r.Encrypted > 0 {
		fmt.Fprintf(out, "%d encrypted segments were not looked into, for want of their keys: name the node's configuration with --config\n", r.Encrypted)
	}
	return out.Flush()
}
