package interop;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Drives the Java client for the interop suite. What the actions take and print is in interop/README.md. */
public final class Driver {
    private Driver() { }

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "version" -> System.out.println(version());
            case "create" -> create(args[1], args[2], Integer.parseInt(args[3]));
            case "produce" -> produce(args[1], args[2]);
            case "consume" -> consume(args[1], args[2], args[3], Integer.parseInt(args[4]));
            default -> throw new IllegalArgumentException("unknown action " + args[0]);
        }
    }

    private static String version() throws IOException {
        Properties properties = new Properties();
        try (var in = KafkaProducer.class.getResourceAsStream("/kafka/kafka-version.properties")) {
            properties.load(in);
        }
        return properties.getProperty("version");
    }

    private static Properties config(String bootstrap) {
        Properties config = new Properties();
        config.put("bootstrap.servers", bootstrap);
        return config;
    }

    private static void create(String bootstrap, String topic, int partitions) throws Exception {
        try (Admin admin = Admin.create(config(bootstrap))) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
        }
    }

    private record Input(int line, long timestamp, byte[] key, byte[] value, List<Header> headers) { }

    private static void produce(String bootstrap, String topic) throws Exception {
        for (Map.Entry<String, List<Input>> entry : readInputs().entrySet()) {
            Properties config = config(bootstrap);
            config.put("compression.type", entry.getKey());
            config.put("linger.ms", "50");
            config.put("acks", "all");
            try (var producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
                List<Future<RecordMetadata>> sent = new ArrayList<>();
                for (Input in : entry.getValue()) {
                    sent.add(producer.send(new ProducerRecord<>(topic, null, in.timestamp, in.key, in.value, in.headers)));
                }
                for (int i = 0; i < sent.size(); i++) {
                    RecordMetadata metadata = sent.get(i).get();
                    System.out.println(entry.getValue().get(i).line + "\t" + metadata.partition() + "\t" + metadata.offset());
                }
            }
        }
    }

    private static Map<String, List<Input>> readInputs() throws IOException {
        Map<String, List<Input>> byCodec = new LinkedHashMap<>();
        var reader = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String line;
        for (int number = 0; (line = reader.readLine()) != null; number++) {
            String[] f = line.split("\t", -1);
            byCodec.computeIfAbsent(f[0], codec -> new ArrayList<>())
                .add(new Input(number, Long.parseLong(f[1]), bytes(f[2]), bytes(f[3]), headers(f[4])));
        }
        return byCodec;
    }

    private static void consume(String bootstrap, String topic, String group, int count) {
        Properties config = config(bootstrap);
        config.put("group.id", group);
        config.put("auto.offset.reset", "earliest");
        config.put("enable.auto.commit", "false");
        StringBuilder out = new StringBuilder();
        try (var consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(topic));
            int seen = 0;
            long deadline = System.nanoTime() + Duration.ofMinutes(2).toNanos();
            while (System.nanoTime() < deadline) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    append(out, record);
                    seen++;
                    if (seen == count) {
                        // A little longer, so that a record too many is seen as well.
                        deadline = System.nanoTime() + Duration.ofMillis(500).toNanos();
                    }
                }
            }
            consumer.commitSync();
        }
        System.out.print(out);
    }

    private static void append(StringBuilder out, ConsumerRecord<byte[], byte[]> record) {
        List<String> pairs = new ArrayList<>();
        for (Header header : record.headers()) {
            pairs.add(hex(header.key().getBytes(StandardCharsets.UTF_8)) + ":" + hex(header.value()));
        }
        out.append(record.partition()).append('\t').append(record.offset()).append('\t').append(record.timestamp()).append('\t')
            .append(hex(record.key())).append('\t').append(hex(record.value())).append('\t')
            .append(String.join(",", pairs)).append('\n');
    }

    private static String hex(byte[] data) {
        return data == null ? "-" : HexFormat.of().formatHex(data);
    }

    private static byte[] bytes(String text) {
        return text.equals("-") ? null : HexFormat.of().parseHex(text);
    }

    private static List<Header> headers(String text) {
        List<Header> list = new ArrayList<>();
        for (String pair : text.split(",")) {
            if (!pair.isEmpty()) {
                String[] halves = pair.split(":", -1);
                list.add(new RecordHeader(new String(bytes(halves[0]), StandardCharsets.UTF_8), bytes(halves[1])));
            }
        }
        return list;
    }
}
