package format

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"leat/internal/config"
	"leat/internal/metadata"
	"leat/internal/quorum/consensus"
	"leat/internal/record"
)

// Request is what a node's directories are to be formatted as.
type Request struct {
	Values    *config.Values
	ClusterID string
	Release   Release
	Levels    map[string]int16 // of features for which that of the release is not wanted
	Scram     []string         // MECHANISM=[name=...,password=...]
	// How the first voters are found; at most one is set.
	Standalone, NoInitialControllers bool
	InitialControllers               string // id@host:port:directory,...
	IgnoreFormatted                  bool
	NewID                            func() record.UUID
}

// plan is a request that holds together.
type plan struct {
	nodeID     int32
	dirs       []string // the metadata directory last
	dynamic    bool
	voters     []record.Record // control records
	metadataID record.UUID     // zero: any
	records    []metadata.Record
}

func (r *Request) plan() (*plan, error) {
	v := r.Values
	if r.ClusterID == "" {
		return nil, Refuse("You must specify the cluster id.")
	}
	p := &plan{nodeID: int32(v.Int("node.id")), dirs: Directories(v)}
	if err := r.checkQuorum(); err != nil {
		return nil, err
	}
	p.dynamic = len(v.Voters()) == 0 && (r.Standalone || r.NoInitialControllers || r.InitialControllers != "")
	if err := r.planVoters(p); err != nil {
		return nil, err
	}
	var err error
	p.records, err = r.records(p.dynamic)
	return p, err
}

func (r *Request) checkQuorum() error {
	v := r.Values
	named := r.Standalone || r.InitialControllers != ""
	switch {
	case r.Standalone && !v.HasRole("controller"):
		return Refuse("You can only use --standalone on a controller.")
	case len(v.Voters()) > 0 && named:
		return Refuse("You cannot specify controller.quorum.voters and format the node with --initial-controllers or --standalone. " +
			"If you want to use dynamic quorum, please remove controller.quorum.voters and specify controller.quorum.bootstrap.servers instead.")
	case len(v.Voters()) == 0 && v.HasRole("controller") && !named && !r.NoInitialControllers:
		return Refuse("Because controller.quorum.voters is not set on this controller, you must specify one of the following: " +
			"--standalone, --initial-controllers, or --no-initial-controllers.")
	}
	return nil
}

// planVoters finds the voters of a dynamic quorum, and which id the metadata directory gets if this node is one of them.
func (r *Request) planVoters(p *plan) error {
	if !p.dynamic {
		return nil
	}
	ls, err := r.Values.Listeners()
	if err != nil {
		return err
	}
	if len(ls.Controllers) == 0 {
		return Refuse("No controller listeners found.")
	}
	var voters []consensus.Member
	switch {
	case r.Standalone:
		i := slices.IndexFunc(ls.Advertised, func(l config.Listener) bool { return l.Name == ls.Controllers[0] })
		if i < 0 {
			return Refuse("No controller listeners found.")
		}
		l := ls.Advertised[i]
		voters = []consensus.Member{voter(p.nodeID, l.Host, uint16(l.Port), r.NewID())}
	case r.InitialControllers != "":
		if voters, err = ParseVoters(r.InitialControllers); err != nil {
			return err
		}
	}
	for i := range voters {
		voters[i].Endpoints[0].Name = ls.Controllers[0]
		if voters[i].ID == p.nodeID {
			p.metadataID = voters[i].DirID
		}
	}
	p.voters = consensus.VotersRecords(consensus.Dynamic(voters...))
	if len(voters) == 0 {
		p.voters = p.voters[:1] // the version alone: whoever leads first is found later
	}
	return nil
}

// records are those with which the metadata log begins: metadata.version, the other features by name, and credentials.
func (r *Request) records(dynamic bool) ([]metadata.Record, error) {
	levels, err := r.levels(dynamic)
	if err != nil {
		return nil, err
	}
	records := []metadata.Record{&metadata.FeatureLevelRecord{Name: metadata.FeatureMetadataVersion, FeatureLevel: r.Release.Level}}
	for _, name := range featureNames() {
		if level := levels[name]; level > 0 && name != metadata.FeatureKRaftVersion { // kraft.version is the quorum's own control record
			records = append(records, &metadata.FeatureLevelRecord{Name: name, FeatureLevel: level})
		}
	}
	for _, text := range r.Scram {
		c, err := parseScram(text)
		if err != nil {
			return nil, err
		}
		if r.Release.Level < levelScram {
			return nil, Refuse("SCRAM is only supported in metadata.version %s or later.", scramRelease)
		}
		records = append(records, c)
	}
	return records, nil
}

func featureNames() []string {
	var names []string
	for _, f := range features {
		names = append(names, f.name)
	}
	slices.Sort(names)
	return names
}

func (r *Request) levels(dynamic bool) (map[string]int16, error) {
	levels := map[string]int16{}
	for _, f := range features {
		levels[f.name] = f.levelAt(r.Release)
	}
	for name, level := range r.Levels {
		f := find(name)
		switch {
		case name == metadata.FeatureMetadataVersion:
			return nil, Refuse("Use --release-version instead of --feature metadata.version=X to avoid ambiguity.")
		case f == nil:
			return nil, Refuse("Unsupported feature: %s. Supported features are: %s", name, strings.Join(featureNames(), ", "))
		case level < 0 || int(level) > len(f.since):
			return nil, Refuse("No feature:%s with feature level %d", name, level)
		case level > 0 && r.Release.Level < f.needs:
			return nil, Refuse("%s could not be set to %d because it depends on metadata.version level %d", name, level, f.needs)
		}
		levels[name] = level
	}
	const flags = "controller.quorum.voters is empty and one of the flags --standalone, --initial-controllers, or --no-initial-controllers is used. " +
		"For dynamic controllers support, try "
	switch kraft, given := r.Levels[metadata.FeatureKRaftVersion]; {
	case given && kraft == 0 && dynamic:
		return nil, Refuse("Cannot set kraft.version to 0 if %sremoving the --feature flag for kraft.version.", flags)
	case kraft > 0 && !dynamic:
		return nil, Refuse("Cannot set kraft.version to %d unless %susing one of --standalone, --initial-controllers, or --no-initial-controllers "+
			"and removing controller.quorum.voters.", kraft, flags)
	}
	return levels, nil
}

// Directories are those that a node has: of partitions, and of the metadata log, which comes last.
func Directories(v *config.Values) []string {
	own := filepath.Clean(v.MetadataLogDir())
	var dirs []string
	for _, d := range v.LogDirs() {
		if d = filepath.Clean(d); d != own && !slices.Contains(dirs, d) {
			dirs = append(dirs, d)
		}
	}
	return append(dirs, own)
}

// describe writes the records as Kafka prints them; of credentials only who they are for.
func describe(records []metadata.Record, level int16) string {
	var list []string
	for _, r := range records {
		switch r := r.(type) {
		case *metadata.FeatureLevelRecord:
			list = append(list, fmt.Sprintf("ApiMessageAndVersion(FeatureLevelRecord(name='%s', featureLevel=%d) at version 0)", r.Name, r.FeatureLevel))
		case *metadata.UserScramCredentialRecord:
			list = append(list, fmt.Sprintf("ApiMessageAndVersion(UserScramCredentialRecord(name='%s', mechanism=%d, iterations=%d) at version 0)",
				r.Name, r.Mechanism, r.Iterations))
		}
	}
	return fmt.Sprintf("Bootstrap metadata: BootstrapMetadata(records=[%s], metadataVersionLevel=%d, source=format command)", strings.Join(list, ", "), level)
}
