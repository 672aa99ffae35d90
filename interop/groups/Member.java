import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** One member of a group: says what it reads, then what it has committed, until its input ends. */
public final class Member {
    private static volatile boolean leave;

    public static void main(String[] args) throws Exception {
        Properties config = new Properties();
        config.put("bootstrap.servers", args[0]);
        config.put("group.id", args[2]);
        config.put("group.protocol", args[3]);
        if (args[3].equals("classic")) {
            config.put("session.timeout.ms", "6000");
            config.put("heartbeat.interval.ms", "1000");
        }
        config.put("auto.offset.reset", "earliest");
        config.put("enable.auto.commit", "false");
        Thread input = new Thread(() -> {
            try {
                while (System.in.read() >= 0) { }
            } catch (java.io.IOException e) {
                // as good as its end
            }
            leave = true;
        });
        input.setDaemon(true);
        input.start();
        try (var consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(args[1]));
            while (!leave) {
                Map<TopicPartition, OffsetAndMetadata> next = new java.util.HashMap<>();
                StringBuilder out = new StringBuilder();
                for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofMillis(200))) {
                    out.append("read ").append(r.partition()).append(' ').append(r.offset()).append('\n');
                    next.put(new TopicPartition(r.topic(), r.partition()), new OffsetAndMetadata(r.offset() + 1));
                }
                if (next.isEmpty()) {
                    continue;
                }
                say(out);
                try {
                    consumer.commitSync(next, Duration.ofSeconds(5));
                } catch (KafkaException e) {
                    System.err.println("commit: " + e);
                    continue;
                }
                out.setLength(0);
                next.forEach((tp, o) -> out.append("committed ").append(tp.partition()).append(' ').append(o.offset()).append('\n'));
                say(out);
            }
        }
    }

    private static void say(StringBuilder out) throws java.io.IOException {
        System.out.write(out.toString().getBytes(StandardCharsets.UTF_8));
        System.out.flush();
    }
}
