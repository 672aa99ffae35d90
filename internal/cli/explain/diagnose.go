package explain

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/cli/reach"
	"leat/internal/cli/run"
	"leat/internal/why"
	"leat/internal/wire"
)

// diagnoseFlags are those of `leat diagnose`.
type diagnoseFlags struct {
	reach.Flags
	*present.Output

	file       string
	operations string
	logs       []string
	tail       int64
	profile    time.Duration
}

const defaultTail = 4 << 20

func diagnoseCommand(s run.Streams) *cobra.Command {
	f := &diagnoseFlags{Output: present.To(s)}
	cmd := &cobra.Command{
		Use:   "diagnose",
		Short: "Collect what somebody else needs to say what is wrong with a cluster, in one archive",
		Long: "Collect what somebody else needs to say what is wrong with a cluster, in one archive (tar.gz): what leat why says and each node knows, brokers,\n" +
			"topics and groups, configurations without secrets, versions; from operations listeners health, metrics and what the goroutines do;\n" +
			"the ends of log files that are named. What cannot be had is listed in the archive with the reason.\n\n" +
			"Names of topics, groups, clients and principals are in it; records, passwords and keys are not.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context()) },
	}
	f.Flags.Add(cmd)
	cmd.Flags().StringVarP(&f.file, "file", "f", "", "`FILE` to write, which must not exist; else leat-diagnose-TIME.tar.gz here")
	cmd.Flags().StringVar(&f.operations, "operations", "", "`HOST:PORT,...` of operations listeners (leat.http.listener) of nodes, for health, metrics and goroutines")
	cmd.Flags().StringArrayVar(&f.logs, "log", nil, "`FILE` of a node's log on this machine, whose end is taken; may be repeated")
	cmd.Flags().Int64Var(&f.tail, "log-bytes", defaultTail, "how many bytes of each log file")
	cmd.Flags().DurationVar(&f.profile, "cpu", 0, "also record for so long where nodes spend their processor time, as in 10s")
	return cmd
}

// bundle is an archive that is being written.
type bundle struct {
	tar    *tar.Writer
	at     time.Time
	absent []string // what could not be had, and why
	files  int
	heard  bool // a node answered something
}

func (f *diagnoseFlags) run(ctx context.Context) error {
	if err := f.Resolve(); err != nil {
		return err
	}
	now := time.Now()
	if f.file == "" {
		f.file = "leat-diagnose-" + now.UTC().Format("20060102-150405") + ".tar.gz"
	}
	ctx, cancel := f.Timed(ctx)
	defer cancel()
	out, err := os.OpenFile(f.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return run.Failed(err)
	}
	b, err := f.write(ctx, out, now)
	if err = errors.Join(err, out.Close()); err != nil {
		return run.Failed(errors.Join(err, os.Remove(f.file)))
	}
	fmt.Fprintf(f.Out, "%s: %d files\n", f.file, b.files)
	for _, a := range b.absent {
		fmt.Fprintf(f.Err, "not in it: %s\n", a)
	}
	if !b.heard {
		return run.Failed(fmt.Errorf("%s: no node answered, so nothing of the cluster is in it: name brokers with --bootstrap-server, or operations listeners with --operations", f.file))
	}
	return nil
}

// write collects into an archive.
func (f *diagnoseFlags) write(ctx context.Context, out io.Writer, now time.Time) (*bundle, error) {
	zip := gzip.NewWriter(out)
	b := &bundle{tar: tar.NewWriter(zip), at: now}
	err := errors.Join(f.collect(ctx, b), b.add("absent.txt", []byte(strings.Join(append(b.absent, ""), "\n"))))
	return b, errors.Join(err, b.tar.Close(), zip.Close())
}

func (f *diagnoseFlags) collect(ctx context.Context, b *bundle) error {
	if err := b.add("about.json", pretty(f.about(b.at))); err != nil {
		return err
	}
	for _, step := range []func(context.Context, *bundle) error{f.addWhy, f.addCluster, f.addOperations} {
		if err := step(ctx, b); err != nil {
			return err
		}
	}
	b.heard = b.files > 1 // all but about.json is from nodes until here
	return f.addLogs(ctx, b)
}

// about says who collected, and how.
func (f *diagnoseFlags) about(now time.Time) any {
	build := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if strings.HasPrefix(s.Key, "vcs") {
				build[s.Key] = s.Value
			}
		}
	}
	return map[string]any{"at": now.UTC(), "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH, "build": build,
		"bootstrap": f.Addresses(), "operations": f.operations}
}

// add writes a file of the archive.
func (b *bundle) add(name string, content []byte) error {
	b.files++
	const mode = 0o600
	if err := b.tar.WriteHeader(&tar.Header{Name: "leat-diagnose/" + name, Mode: mode, Size: int64(len(content)), ModTime: b.at}); err != nil {
		return err
	}
	_, err := b.tar.Write(content)
	return err
}

// try adds what a function finds, or why it finds nothing.
func (b *bundle) try(name string, find func() ([]byte, error)) error {
	content, err := find()
	if err != nil {
		b.absent = append(b.absent, name+": "+strings.ReplaceAll(err.Error(), "\n", "; "))
		return nil
	}
	return b.add(name, content)
}

func pretty(v any) []byte {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return []byte(err.Error())
	}
	return append(text, '\n')
}

// addWhy adds what is wrong, and what the broker that was asked knows itself.
func (f *diagnoseFlags) addWhy(ctx context.Context, b *bundle) error {
	err := b.try("why.json", func() ([]byte, error) { return askBrokers(ctx, f.Addresses(), why.About{}) })
	for _, address := range f.Addresses() {
		err = errors.Join(err, b.try("facts/"+fileName(address)+".json", func() ([]byte, error) { return askBroker(ctx, address, &wire.Why{Facts: true}) }))
	}
	return err
}

func fileName(address string) string { return strings.NewReplacer(":", "_", "/", "_").Replace(address) }

// addCluster adds what the Kafka protocol tells: brokers, topics, groups, configurations.
func (f *diagnoseFlags) addCluster(ctx context.Context, b *bundle) error {
	cl, err := f.Connect(ctx)
	if err != nil {
		b.absent = append(b.absent, "cluster: "+err.Error())
		return nil
	}
	defer cl.Close()
	ask := func(rq kmsg.Request) func() ([]byte, error) {
		return func() ([]byte, error) {
			resp, err := cl.Request(ctx, rq)
			return pretty(resp), err
		}
	}
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Topics = nil
	err = errors.Join(b.try("metadata.json", ask(metadata)), b.try("quorum.json", ask(describeQuorum())), b.try("cluster.json", ask(kmsg.NewPtrDescribeClusterRequest())),
		b.try("api-versions.json", ask(kmsg.NewPtrApiVersionsRequest())))
	for _, shard := range cl.RequestSharded(ctx, kmsg.NewPtrListGroupsRequest()) {
		err = errors.Join(err, b.try(fmt.Sprintf("groups/%d.json", shard.Meta.NodeID), func() ([]byte, error) { return pretty(shard.Resp), shard.Err }))
	}
	resp, failed := metadata.RequestWith(ctx, cl)
	if failed != nil {
		return err
	}
	for _, broker := range resp.Brokers {
		rq := describeConfigs(kmsg.ConfigResourceTypeBroker, fmt.Sprint(broker.NodeID))
		err = errors.Join(err, b.try(fmt.Sprintf("configs/broker-%d.json", broker.NodeID), func() ([]byte, error) {
			resp, err := rq.RequestWith(ctx, cl.Broker(int(broker.NodeID)))
			return withoutSecrets(resp), err
		}))
	}
	return errors.Join(err, f.addTopicConfigs(ctx, b, cl, resp))
}

// mostTopics bounds how many topics' configurations are asked for at once.
const mostTopics = 1000

// addTopicConfigs adds what topics have of their own.
func (f *diagnoseFlags) addTopicConfigs(ctx context.Context, b *bundle, cl kmsg.Requestor, m *kmsg.MetadataResponse) error {
	var names []string
	for i := range m.Topics {
		if m.Topics[i].Topic != nil {
			names = append(names, *m.Topics[i].Topic)
		}
	}
	slices.Sort(names)
	if len(names) > mostTopics {
		b.absent = append(b.absent, fmt.Sprintf("configs/topics.json: %d of %d topics are left out", len(names)-mostTopics, len(names)))
		names = names[:mostTopics]
	}
	rq := describeConfigs(kmsg.ConfigResourceTypeTopic, names...)
	return b.try("configs/topics.json", func() ([]byte, error) {
		resp, err := rq.RequestWith(ctx, cl)
		return withoutSecrets(resp), err
	})
}

func describeQuorum() kmsg.Request {
	rq := kmsg.NewPtrDescribeQuorumRequest()
	t, p := kmsg.NewDescribeQuorumRequestTopic(), kmsg.NewDescribeQuorumRequestTopicPartition()
	t.Topic = "__cluster_metadata"
	t.Partitions = append(t.Partitions, p)
	rq.Topics = append(rq.Topics, t)
	return rq
}

func describeConfigs(kind kmsg.ConfigResourceType, names ...string) *kmsg.DescribeConfigsRequest {
	rq := kmsg.NewPtrDescribeConfigsRequest()
	for _, name := range names {
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName = kind, name
		rq.Resources = append(rq.Resources, r)
	}
	return rq
}

// setting is a configuration that is not a default.
type setting struct {
	Name   string  `json:"name"`
	Value  *string `json:"value"`
	Source string  `json:"source"`
}

// withoutSecrets is what is set, by resource. Brokers do not tell the values of what is sensitive; here they are left out once more.
func withoutSecrets(resp *kmsg.DescribeConfigsResponse) []byte {
	if resp == nil {
		return nil
	}
	out := map[string][]setting{}
	for i := range resp.Resources {
		r := &resp.Resources[i]
		list := []setting{}
		for _, c := range r.Configs {
			if c.Source == kmsg.ConfigSourceDefaultConfig {
				continue
			}
			s := setting{Name: c.Name, Value: c.Value, Source: c.Source.String()}
			if c.IsSensitive || reach.Secret(c.Name) {
				s.Value = nil
			}
			list = append(list, s)
		}
		out[r.ResourceName] = list
	}
	return pretty(out)
}

// addOperations adds what the operations listeners of nodes tell.
func (f *diagnoseFlags) addOperations(ctx context.Context, b *bundle) error {
	var err error
	for _, address := range strings.FieldsFunc(f.operations, func(r rune) bool { return r == ',' || r == ' ' }) {
		paths := map[string]string{"livez.txt": "/livez", "readyz.txt": "/readyz", "metrics.txt": "/metrics", "why.txt": "/why", "facts.json": "/why?facts",
			"balance.json": "/balance", "goroutines.txt": "/debug/pprof/goroutine?debug=2", "heap.pprof": "/debug/pprof/heap"}
		if f.profile > 0 {
			paths["cpu.pprof"] = "/debug/pprof/profile?seconds=" + url.QueryEscape(fmt.Sprint(max(1, int(f.profile.Seconds()))))
		}
		for _, name := range sortedKeys(paths) {
			err = errors.Join(err, b.try("nodes/"+fileName(address)+"/"+name, func() ([]byte, error) { return askOperations(ctx, address, paths[name]) }))
		}
	}
	return err
}

func sortedKeys(m map[string]string) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// addLogs adds the ends of log files.
func (f *diagnoseFlags) addLogs(_ context.Context, b *bundle) error {
	var err error
	for i, name := range f.logs {
		err = errors.Join(err, b.try(fmt.Sprintf("logs/%d-%s", i+1, filepath.Base(name)), func() ([]byte, error) { return tailOf(name, f.tail) }))
	}
	return err
}

// tailOf is the last bytes of a file.
func tailOf(name string, most int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(max(0, info.Size()-most), io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(file, most))
}
