package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/target"
)

// see has each tenant write and read with franz-go under equal names, and asks three clients what there is.
func see(ctx context.Context, p place, o options) error {
	for tenant, address := range map[string]string{"red": p.red, "blue": p.blue} {
		if err := life(ctx, address, tenant); err != nil {
			return fmt.Errorf("%s: %w", tenant, err)
		}
	}
	if o.bare {
		return nil
	}
	for _, v := range []struct{ who, address, topics, groups string }{
		{"red", p.red, "orders", "workers"},
		{"blue", p.blue, "orders", "workers"},
		{"the operator", p.operator, "blue.orders red.orders", "blue.workers red.workers"},
	} {
		if err := asks(ctx, v.who, v.topics, "kafka-topics", "--bootstrap-server", v.address, "--list", "--exclude-internal"); err != nil {
			return err
		}
		if err := asks(ctx, v.who, v.groups, "kafka-consumer-groups", "--bootstrap-server", v.address, "--list"); err != nil {
			return err
		}
		out, err := exec.CommandContext(ctx, "kcat", "-L", "-m", "60", "-b", v.address).CombinedOutput()
		if err != nil {
			return fmt.Errorf("kcat: %w: %s", err, out)
		}
		if v.who != "the operator" && (strings.Contains(string(out), "red.") || strings.Contains(string(out), "blue.") || !strings.Contains(string(out), `topic "orders"`)) {
			return fmt.Errorf("kcat of %s sees %s", v.who, out)
		}
	}
	out, err := tool(ctx, "kafka-consumer-groups", "--bootstrap-server", p.red, "--describe", "--group", "workers")
	if err != nil || !strings.Contains(out, "orders") || strings.Contains(out, "red.") {
		return fmt.Errorf("kafka-consumer-groups of red describes: %s %w", out, err)
	}
	fmt.Println("ok: franz-go, kafka-topics, kafka-consumer-groups and kcat of each tenant see its own names only; the operator sees all")
	return nil
}

// life writes a record and reads it in a group.
func life(ctx context.Context, address, value string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(address, ",")...), kgo.AllowAutoTopicCreation(), kgo.ConsumerGroup("workers"), kgo.ConsumeTopics("orders"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer cl.Close()
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte(value)}).FirstErr(); err != nil {
		return err
	}
	for {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return err
		}
		for _, r := range fetches.Records() {
			if r.Topic != "orders" || string(r.Value) != value {
				return fmt.Errorf("read %q of topic %s", r.Value, r.Topic)
			}
			return cl.CommitUncommittedOffsets(ctx)
		}
	}
}

// asks looks whether a tool lists what it should.
func asks(ctx context.Context, who, want, name string, args ...string) error {
	out, err := tool(ctx, name, args...)
	if err != nil {
		return err
	}
	got := strings.Fields(out)
	slices.Sort(got)
	if strings.Join(got, " ") != want {
		return fmt.Errorf("%s of %s lists %q, want %s", name, who, out, want)
	}
	return nil
}

func tool(ctx context.Context, name string, args ...string) (string, error) {
	cmd, err := target.Tool(name, args...)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, cmd.Path, cmd.Args[1:]...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %v: %w: %s", name, args, err, out)
	}
	return string(out), nil
}
