package cli

import (
	"bytes"
	"strings"
	"testing"

	"leat/internal/cli/kafka"
	"leat/internal/cli/run"
)

func TestClassesOfKafkasToolsAreTheTools(t *testing.T) {
	for _, c := range []struct {
		args, ours, says string
		status           int
	}{
		{"kafka.tools.GetOffsetShell --topic a", "kafka-get-offsets --topic a", "", 0},
		{"org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --list", "kafka-consumer-groups --list", "", 0},
		{"kafka.admin.ConfigCommand", "kafka-configs", "", 0},
		{"-name kafkaServer -loggc kafka.Kafka server.properties", "kafka-server-start server.properties", "", 0},
		{"kafka.tools.JmxTool", "kafka-jmx", "", 0},
		{"", "", "USAGE: kafka-run-class", 1},
		{"-name", "", "USAGE: kafka-run-class", 1},
		{"com.example.GetOffsetShell", "", "kafka-run-class: com.example.GetOffsetShell: leat runs no Java classes", 1},
		{"kafka.tools.Nothing", "", "kafka-run-class: kafka.tools.Nothing: leat runs no Java classes", 1},
		{"-daemon kafka.Kafka", "", "leat stays in the foreground", 1},
		{"-Xmx1g kafka.Kafka", "", "-Xmx1g: leat runs no Java", 1},
	} {
		var out bytes.Buffer
		ours, status := runClass(strings.Fields(c.args), run.Streams{Out: &out, Err: &out})
		if strings.Join(ours, " ") != c.ours || status != c.status || !strings.Contains(out.String(), c.says) {
			t.Errorf("%q: %v %d %s", c.args, ours, status, out.String())
		}
	}
}

func TestAToolIsRunByItsClass(t *testing.T) {
	var out, problems bytes.Buffer
	status := Main([]string{"/opt/kafka/bin/kafka-run-class.sh", "org.apache.kafka.tools.TopicCommand", "--version"}, run.Streams{Out: &out, Err: &problems})
	if status != 0 || out.String() != kafka.Version+"\n" || problems.Len() > 0 {
		t.Errorf("%d %s%s", status, out.String(), problems.String())
	}
}

func TestEveryClassIsOfAToolThatThereIs(t *testing.T) {
	for _, class := range []string{"kafka.Kafka", "kafka.tools.StorageTool", "org.apache.kafka.shell.MetadataShell", "org.apache.kafka.trogdor.Trogdor", "org.apache.kafka.connect.cli.ConnectStandalone"} {
		if name, ok := kafka.ToolOfClass(class); !ok || len(calledAs([]string{name})) != 1 {
			t.Errorf("%s is %q, which is no tool", class, name)
		}
	}
}
