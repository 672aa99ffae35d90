package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// verifiable runs the consumer of Kafka's system tests, in both protocols, on a topic of its own.
func (w *world) verifiable(ctx context.Context) error {
	const count = 500
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if _, err := w.adm.CreateTopic(ctx, 3, 3, nil, "verified"); err != nil {
		return err
	}
	var records []*kgo.Record
	for range count {
		records = append(records, &kgo.Record{Topic: "verified", Value: []byte("v")})
	}
	if err := w.client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return err
	}
	for _, protocol := range []string{"classic", "consumer"} {
		argv := []string{"-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", w.tools, "org.apache.kafka.tools.VerifiableConsumer", "--bootstrap-server", w.bootstrap,
			"--topic", "verified", "--group-id", "verified-" + protocol, "--group-protocol", protocol, "--max-messages", fmt.Sprint(count),
			"--reset-policy", "earliest"}
		if protocol == "classic" {
			argv = append(argv, "--session-timeout", "6000")
		}
		out, err := exec.CommandContext(ctx, "java", argv...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("VerifiableConsumer, %s: %w\n%s", protocol, err, out)
		}
		for _, event := range []string{"startup_complete", "partitions_assigned", "records_consumed", "offsets_committed", "shutdown_complete"} {
			if !strings.Contains(string(out), `"`+event+`"`) {
				return fmt.Errorf("VerifiableConsumer, %s: no %s\n%s", protocol, event, out)
			}
		}
		if strings.Contains(string(out), `"success":false`) {
			return fmt.Errorf("VerifiableConsumer, %s: a commit failed\n%s", protocol, out)
		}
	}
	return nil
}
