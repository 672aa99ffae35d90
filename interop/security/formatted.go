package main

import (
	"fmt"
	"os/exec"
	"path/filepath"

	"leat/interop/target"
)

// formatted is a node that nobody could create a user on before it runs: its first user is made when its directory is formatted.
func (r *run) formatted() error {
	dir := r.files.path("formatted")
	node, err := target.New(target.Config{Kind: target.Leat, Dir: dir, Binary: r.binary, Listeners: map[string]string{"LOGIN": "SASL_PLAINTEXT"}, Settings: map[string]string{
		"sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512",
	}})
	if err != nil {
		return err
	}
	binary, err := filepath.Abs(r.binary)
	if err != nil {
		return err
	}
	out, err := exec.Command(binary, "kafka-storage", "format", "--cluster-id", "bGVhdC1pbnRlcm9wLTAwMg", "--config", node.PropertiesFile(), "--standalone",
		"--add-scram", "SCRAM-SHA-256=[name=root,password=root-secret]", "--add-scram", "SCRAM-SHA-512=[name=root,password=other-secret,iterations=8192]").CombinedOutput()
	if err != nil {
		return fmt.Errorf("kafka-storage format: %w: %s", err, out)
	}
	defer node.Kill()
	if _, err := node.Start(r.ctx); err != nil {
		return err
	}
	for _, c := range []struct{ mechanism, password, want string }{
		{"SCRAM-SHA-256", "root-secret", in}, {"SCRAM-SHA-512", "other-secret", in}, {"SCRAM-SHA-512", "root-secret", authentication},
	} {
		l := login{Bootstrap: node.Address("LOGIN"), Protocol: "SASL_PLAINTEXT", Mechanism: c.mechanism, User: "root", Password: c.password, Topic: "none", Timeout: int(patience.Milliseconds())}
		err := franz{}.try(l, nil)
		got := classify(err)
		if got == noConnection { // it got in and heard that there is no such topic
			got = in
		}
		if got != c.want {
			return fmt.Errorf("%s with %s: %s, want %s: %w", c.mechanism, c.password, got, c.want, err)
		}
	}
	return nil
}
