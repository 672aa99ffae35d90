package config

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// stored are files and variables.
func stored(files, env map[string]string) Sources {
	return Sources{
		ReadFile: func(name string) ([]byte, error) {
			text, ok := files[name]
			if !ok {
				return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
			}
			return []byte(text), nil
		},
		Env: func(name string) (string, bool) { text, ok := env[name]; return text, ok },
	}
}

var places = stored(map[string]string{
	"/s/password": "hunter2\n", "/s/all.properties": "key.password=abc\nuser=u\n", "/s/nested": "${env:HOME}", "/d/token": "t", "/other/x": "x",
}, map[string]string{"PORTS": "9", "HOME": "home"})

func TestReferencesAreLookedUp(t *testing.T) {
	got, refs, err := resolve(map[string]string{
		"ssl.key.password": "${file:/s/all.properties:key.password}", "ssl.keystore.password": "${file:/s/password}", "num.partitions": "${env:PORTS}",
		"listener.name.a.plain.sasl.jaas.config": `x required username="${file:/s/all.properties:user}" password="${file:/s/password}";`,
		"config.providers":                       "vault, e", "config.providers.vault.class": providerClasses + "DirectoryConfigProvider", "config.providers.vault.param.allowed.paths": "/d",
		"config.providers.e.class": providerClasses + "EnvVarConfigProvider", "config.providers.e.param.allowlist.pattern": "H.*",
		"ssl.truststore.password": "${vault:/d:token}", "log.dirs": "${e:HOME}/data", "broker.rack": "${nobody:x}", "metadata.log.dir": "${file:/s/nested}", "log.dir": "plain",
	}, places)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"ssl.key.password": "abc", "ssl.keystore.password": "hunter2", "num.partitions": "9", "ssl.truststore.password": "t", "log.dirs": "home/data",
		"listener.name.a.plain.sasl.jaas.config": `x required username="u" password="hunter2";`, "broker.rack": "${nobody:x}", "metadata.log.dir": "${env:HOME}", "log.dir": "plain",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if want := []string{"/d/token", "/s/all.properties", "/s/nested", "/s/password"}; !slices.Equal(refs.Files, want) {
		t.Errorf("files %v", refs.Files)
	}
	if len(refs.Texts) != 7 || refs.Texts["log.dirs"] != "${e:HOME}/data" {
		t.Errorf("references %v", refs.Texts)
	}
}

func TestWrongReferencesAreToldWithoutWhatTheyLeadTo(t *testing.T) {
	providers := map[string]string{"config.providers": "v,e", "config.providers.v.class": providerClasses + "FileConfigProvider", "config.providers.v.param.allowed.paths": "/s,/d/",
		"config.providers.e.class": providerClasses + "EnvVarConfigProvider", "config.providers.e.param.allowlist.pattern": "X"}
	for text, want := range map[string]string{
		"${file:/none}":               "ssl.key.password: ${file:/none}: open /none: file does not exist",
		"${file:/s/all.properties:x}": "the file has no key x",
		"${env:NONE}":                 "the environment has no variable NONE",
		"${dir:/d}":                   "write ${dir:path:name}",
		"${dir:/d:../s/password}":     "write ${dir:path:name}",
		"${v:/other/x}":               "param.allowed.paths does not allow it",
		"${v:/s/../other/x}":          "param.allowed.paths does not allow it",
		"${v:/sx}":                    "param.allowed.paths does not allow it",
		"${e:HOME}":                   "param.allowlist.pattern does not allow it",
	} {
		given := maps.Clone(providers)
		given["ssl.key.password"] = text
		if _, _, err := resolve(given, places); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
	_, _, err := ParseBrokerFrom(places, map[string]string{"num.partitions": "${file:/s/password}"})
	if err == nil || err.Error() != "num.partitions=${file:/s/password}: what stands there is not a int ([1,...])" {
		t.Errorf("%v", err)
	}
	_, _, err = ParseBrokerFrom(places, map[string]string{"config.providers": "v", "config.providers.v.class": "com.example.Vault"})
	if err == nil || !strings.Contains(err.Error(), "config.providers.v.class=com.example.Vault: no such provider") {
		t.Errorf("%v", err)
	}
}

func TestOnlyWhatMayChangeIsRenewed(t *testing.T) {
	files := map[string]string{"/p": "one", "/n": "1"}
	texts := map[string]string{"ssl.key.password": "${file:/p}", "listener.name.x.plain.sasl.jaas.config": "${file:/p}", "node.id": "${file:/n}", "num.partitions": "3"}
	v, _, err := ParseBrokerFrom(stored(files, nil), texts)
	if err != nil {
		t.Fatal(err)
	}
	files["/p"], files["/n"] = "two", "2"
	fresh, _, err := ParseBrokerFrom(stored(files, nil), texts)
	if err != nil {
		t.Fatal(err)
	}
	renewed, changed, later := v.Renewed(fresh)
	if !slices.Equal(changed, []string{"listener.name.x.plain.sasl.jaas.config", "ssl.key.password"}) || !slices.Equal(later, []string{"broker.id", "node.id"}) {
		t.Errorf("changed %v, later %v", changed, later)
	}
	jaas, _, _ := renewed.Lookup("listener.name.x.plain.sasl.jaas.config")
	if renewed.String("ssl.key.password") != "two" || jaas != "two" || renewed.Int("node.id") != 1 || v.String("ssl.key.password") != "one" || renewed.Int("num.partitions") != 3 {
		t.Errorf("%q, %q, node %d", renewed.String("ssl.key.password"), jaas, renewed.Int("node.id"))
	}
}

func TestAFileWithReferencesOnlyHoldsNoSecrets(t *testing.T) {
	for text, want := range map[string]bool{"": false, "x": true, "${file:/p}": false} {
		for _, name := range []string{"ssl.key.password", "listener.name.a.scram-sha-256.sasl.jaas.config"} {
			if got := HoldsSecrets(map[string]string{name: text, "num.partitions": "1"}); got != want {
				t.Errorf("%s=%s: %t", name, text, got)
			}
		}
	}
}
