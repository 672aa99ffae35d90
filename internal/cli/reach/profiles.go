package reach

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// EnvProfiles names the file of the profiles.
const EnvProfiles = "LEAT_CONFIG"

// serversKey is where a client's properties have the brokers to begin with.
const serversKey = "bootstrap.servers"

// maxProfiles bounds the file: it is written by a person.
const maxProfiles = 1 << 20

// Profiles are clusters by name, each with the properties of a client. Credentials had better stand elsewhere: ${file:path}, ${env:NAME}.
type Profiles struct {
	Current  string                       `yaml:"current,omitempty"` // the one in use; "": none
	Profiles map[string]map[string]string `yaml:"profiles"`

	path string
}

// ProfilesPath is the file of the profiles: LEAT_CONFIG, else leat/config.yaml where a user's programs are configured.
func ProfilesPath() (string, error) {
	if path := os.Getenv(EnvProfiles); path != "" {
		return path, nil
	}
	dir := os.Getenv("XDG_CONFIG_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("profiles: %w: %s can name their file", err, EnvProfiles)
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "leat", "config.yaml"), nil
}

// LoadProfiles reads the profiles. A file that is not there has none.
func LoadProfiles() (*Profiles, error) {
	p := &Profiles{Profiles: map[string]map[string]string{}}
	path, err := ProfilesPath()
	if err != nil {
		return p, nil //nolint:nilerr // a user without a home has no profiles
	}
	p.path = path
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > maxProfiles {
		return nil, fmt.Errorf("%s: %d bytes are too many for profiles", path, info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(p); err != nil && len(bytes.TrimSpace(text)) > 0 {
		return nil, fmt.Errorf("%s: %w: it has current: NAME and profiles: with a list of KEY: VALUE for each name", path, err)
	}
	if p.Profiles == nil {
		p.Profiles = map[string]map[string]string{}
	}
	return p, nil
}

// Path is the file that they were read from.
func (p *Profiles) Path() string { return p.path }

// Names are those of all profiles.
func (p *Profiles) Names() []string { return slices.Sorted(maps.Keys(p.Profiles)) }

// Use makes a profile the one in use; "": none is.
func (p *Profiles) Use(name string) error {
	if _, ok := p.Profiles[name]; !ok && name != "" {
		return p.unknown(name)
	}
	p.Current = name
	return nil
}

// Find is the profile of a name.
func (p *Profiles) Find(name string) (map[string]string, error) {
	found, ok := p.Profiles[name]
	if !ok {
		return nil, p.unknown(name)
	}
	return found, nil
}

func (p *Profiles) unknown(name string) error {
	if len(p.Profiles) == 0 {
		return fmt.Errorf("profile %s: there are none: leat profile set %s bootstrap.servers=HOST:PORT makes it", name, name)
	}
	return fmt.Errorf("profile %s: there is none: leat profile list shows which there are", name)
}

// Secret reports whether the value of a client's property is one that nobody else shall read.
func Secret(key string) bool {
	return strings.Contains(key, "password") || strings.Contains(key, "secret") || strings.HasSuffix(key, "jaas.config") || strings.HasSuffix(key, "keystore.key")
}

// Save writes the file anew. Only its owner can read it.
func (p *Profiles) Save() (err error) {
	if p.path == "" {
		return fmt.Errorf("profiles: no file to write to: %s can name it", EnvProfiles)
	}
	text, err := yaml.Marshal(p)
	if err != nil {
		return err
	}
	dir := filepath.Dir(p.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".config-*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), p.path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
