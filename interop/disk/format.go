package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"leat/interop/target"
)

// formatted lets each storage tool format a directory, both say what it is, and both brokers start on it.
func formatted(ctx context.Context, r *report, cfg target.Config) error {
	for _, c := range []struct {
		name   string
		by     target.Kind
		static bool
		heirs  []target.Kind
	}{
		{"dynamic", target.Leat, false, []target.Kind{target.Kafka, target.Leat}},
		{"fresh", target.Leat, false, []target.Kind{target.Leat}},
		{"static", target.Leat, true, []target.Kind{target.Kafka, target.Leat}},
		{"kafka", target.Kafka, false, []target.Kind{target.Leat}},
	} {
		its := cfg
		its.Dir, its.StaticVoters, its.Kind = filepath.Join(cfg.Dir, c.name), c.static, target.Leat
		node, err := target.New(its)
		if err != nil {
			return err
		}
		r.check(fmt.Sprintf("%s: formatted by %s", c.name, c.by), func() error {
			args := []string{"format", "--cluster-id", "bGVhdC1pbnRlcm9wLTAwMQ", "--config", node.PropertiesFile()}
			if !c.static {
				args = append(args, "--standalone")
			}
			_, err := storageTool(c.by, cfg.Binary, args...)
			return err
		})
		r.check(c.name+": both tools say the same of it", func() error { return sameInfo(cfg.Binary, node) })
		for _, heir := range c.heirs {
			r.check(fmt.Sprintf("%s: %s starts and stops", c.name, heir), func() error {
				other := node.As(heir)
				defer other.Kill()
				if _, err := other.Start(ctx); err != nil {
					return err
				}
				return other.Stop()
			})
		}
	}
	return nil
}

func sameInfo(binary string, node *target.Node) error {
	var said []string
	for _, kind := range []target.Kind{target.Kafka, target.Leat} {
		out, err := storageTool(kind, binary, "info", "--config", node.PropertiesFile())
		if err != nil {
			return err
		}
		said = append(said, out)
	}
	if said[0] != said[1] || said[0] == "" {
		return errors.New("Kafka's: " + said[0] + "leat's: " + said[1])
	}
	return nil
}

// storageTool runs one of the tools and gives its standard output.
func storageTool(kind target.Kind, binary string, args ...string) (string, error) {
	cmd := exec.Command(binary, append([]string{"kafka-storage"}, args...)...)
	if kind == target.Kafka {
		var err error
		if cmd, err = target.Tool("kafka-storage", args...); err != nil {
			return "", err
		}
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s%s", kind, err, clip(out.String()), clip(errs.String()))
	}
	return out.String(), nil
}
