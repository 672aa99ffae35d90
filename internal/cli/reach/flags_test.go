package reach

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// alone keeps the settings of whoever runs the tests away from them. It returns where the profiles are.
func alone(t *testing.T) string {
	t.Helper()
	for _, name := range []string{EnvServers, EnvProfile, EnvCommand, EnvTimeout} {
		t.Setenv(name, "")
	}
	path := filepath.Join(t.TempDir(), "leat", "config.yaml")
	t.Setenv(EnvProfiles, path)
	return path
}

func resolved(args ...string) (*Flags, error) {
	f := &Flags{}
	cmd := &cobra.Command{Use: "x", SilenceErrors: true, SilenceUsage: true, RunE: func(*cobra.Command, []string) error { return f.Resolve() }}
	f.Add(cmd)
	cmd.SetArgs(args)
	return f, cmd.Execute()
}

const profilesText = `current: here
profiles:
  here:
    bootstrap.servers: here:1, here:2
  prod:
    bootstrap.servers: prod:9092
    security.protocol: SASL_PLAINTEXT
    sasl.mechanism: SCRAM-SHA-256
    sasl.username: alice
    sasl.password: ${env:PROD_PASSWORD}
`

func TestWhichClusterIsMeant(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "client.properties")
	if err := os.WriteFile(file, []byte("bootstrap.servers=file:1\nclient.id=f\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, args, env string
		want            string
		secured         bool
	}{
		{"in use", "", "", "here:1 here:2", false},
		{"flag", "-b x:1,y:2", "", "x:1 y:2", false},
		{"flag over environment", "-b x:1", EnvServers + "=e:1", "x:1", false},
		{"environment over the profile in use", "", EnvServers + "=e:1", "e:1", false},
		{"file over the profile in use", "--command-config " + file, "", "file:1", false},
		{"file of the environment", "", EnvCommand + "=" + file, "file:1", false},
		{"flag over file", "-b x:1 --command-config " + file, "", "x:1", false},
		{"property", "-X bootstrap.servers=p:1", EnvServers + "=e:1", "p:1", false},
		{"profile", "--profile prod", "", "prod:9092", true},
		{"profile over environment", "--profile prod", EnvServers + "=e:1", "prod:9092", true},
		{"profile of the environment", "", EnvProfile + "=prod", "prod:9092", true},
		{"another address beside the profile of the environment", "-b x:1", EnvProfile + "=prod", "x:1", false},
		{"its own address beside the profile of the environment", "-b prod:9092", EnvProfile + "=prod", "prod:9092", true},
		{"one address of another cluster is enough", "-b prod:9092,x:1", EnvProfile + "=prod", "prod:9092 x:1", false},
		{"a file of another cluster beside the profile of the environment", "--command-config " + file, EnvProfile + "=prod", "file:1", false},
		{"a file without addresses beside the profile of the environment", "--command-config /dev/null", EnvProfile + "=prod", "prod:9092", true},
		{"another address with a profile", "--profile prod -b x:1", "", "x:1", true},
		{"property over profile", "--profile prod -X security.protocol=PLAINTEXT", "", "prod:9092", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := alone(t)
			t.Setenv("PROD_PASSWORD", "s3cret")
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(profilesText), 0o600); err != nil {
				t.Fatal(err)
			}
			if name, value, ok := strings.Cut(c.env, "="); ok {
				t.Setenv(name, value)
			}
			f, err := resolved(strings.Fields(c.args)...)
			if err != nil || strings.Join(f.Addresses(), " ") != c.want || (f.Line() != nil) != c.secured {
				t.Errorf("%v: %v, secured: %v", err, f.Addresses(), f.Line() != nil)
			}
			if f.Timeout != defaultTimeout {
				t.Errorf("%v", f.Timeout)
			}
		})
	}
}

func TestWithoutAnythingItIsTheNodeHere(t *testing.T) {
	alone(t)
	f, err := resolved()
	if err != nil || strings.Join(f.Addresses(), " ") != DefaultServer || f.Line() != nil {
		t.Errorf("%v %v", err, f.Addresses())
	}
	t.Setenv(EnvTimeout, "5s")
	if f, err := resolved(); err != nil || f.Timeout != 5*time.Second {
		t.Errorf("%v %v", err, f.Timeout)
	}
	if f, err := resolved("--timeout", "7s"); err != nil || f.Timeout != 7*time.Second {
		t.Errorf("%v %v", err, f.Timeout)
	}
}

func TestWrongFlagsAreTold(t *testing.T) {
	for args, want := range map[string]string{
		"-X a":                              "-X a: it is not KEY=VALUE",
		"--profile prod":                    "profile prod: there are none: leat profile set prod",
		"--timeout=-1s":                     "--timeout=-1s",
		"--command-config /nowhere/x":       "--command-config: open /nowhere/x",
		"-X security.protocol=SSL3":         "security.protocol=SSL3: it is one of",
		"-X sasl.password=${env:LEAT_NONE}": "the environment has no variable LEAT_NONE",
	} {
		alone(t)
		if _, err := resolved(strings.SplitN(args, " ", 2)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
	alone(t)
	t.Setenv(EnvTimeout, "soon")
	if _, err := resolved(); err == nil || !strings.Contains(err.Error(), "LEAT_TIMEOUT=soon") {
		t.Error(err)
	}
}

func TestProfilesAreKept(t *testing.T) {
	path := alone(t)
	p, err := LoadProfiles()
	if err != nil || len(p.Names()) != 0 {
		t.Fatal(err, p.Names())
	}
	p.Profiles["a"] = map[string]string{"bootstrap.servers": "a:1"}
	if err := p.Use("b"); err == nil || !strings.Contains(err.Error(), "profile b: there is none") {
		t.Error(err)
	}
	if err := p.Use("a"); err != nil {
		t.Fatal(err)
	}
	if err := p.Save(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", err, info)
	}
	again, err := LoadProfiles()
	if err != nil || again.Current != "a" || again.Profiles["a"]["bootstrap.servers"] != "a:1" {
		t.Errorf("%v %+v", err, again)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("%v %v", err, left)
	}
	for _, text := range []string{"profile: {}", "profiles: [a]", "profiles:\n  a:\n    b: [c]"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadProfiles(); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadProfiles(); err != nil {
		t.Error(err)
	}
}

func TestWhoLogsInWithoutALoginLine(t *testing.T) {
	set := map[string]string{"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "a", "sasl.password": "b"}
	if l, err := FromProperties(set); err != nil || l == nil {
		t.Errorf("%v %v", l, err)
	}
	delete(set, "sasl.password")
	if _, err := FromProperties(set); err == nil || !strings.Contains(err.Error(), "sasl.username and sasl.password") {
		t.Error(err)
	}
}
