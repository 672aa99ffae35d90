import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Does with transactional producers what it is told, a line each, and answers "ok" or "error" and the name of the error.
 *
 * Arguments: bootstrap; or bootstrap, input topic, output topic, group, transactional id, to copy a topic by transactions until it is killed.
 */
public final class Teller {
    private Teller() {}

    public static void main(String[] args) throws Exception {
        if (args.length > 1) {
            copy(args);
            return;
        }
        Map<String, KafkaProducer<String, String>> producers = new HashMap<>();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String answer = "ok";
            try {
                tell(args[0], producers, line.split(" "));
            } catch (Exception e) {
                Throwable cause = e instanceof ExecutionException ? e.getCause() : e;
                answer = "error " + cause.getClass().getSimpleName() + " " + String.valueOf(cause.getMessage()).replace('\n', ' ');
            }
            System.out.println(answer);
        }
        Runtime.getRuntime().halt(0); // transactions that are open stay so
    }

    private static KafkaProducer<String, String> producer(String bootstrap, String id, String timeout) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("transactional.id", id);
        p.put("transaction.timeout.ms", timeout);
        p.put("max.block.ms", "60000");
        return new KafkaProducer<>(p, new StringSerializer(), new StringSerializer());
    }

    private static void tell(String bootstrap, Map<String, KafkaProducer<String, String>> producers, String[] w) throws Exception {
        KafkaProducer<String, String> producer = producers.get(w[1]);
        switch (w[0]) {
            case "new" -> producers.put(w[1], producer(bootstrap, w[2], w[3]));
            case "init" -> producer.initTransactions();
            case "begin" -> producer.beginTransaction();
            case "send" -> producer.send(new ProducerRecord<>(w[2], Integer.parseInt(w[3]), null, w[4])).get();
            case "offset" -> producer.sendOffsetsToTransaction(
                Map.of(new TopicPartition(w[3], Integer.parseInt(w[4])), new OffsetAndMetadata(Long.parseLong(w[5]))), new ConsumerGroupMetadata(w[2]));
            case "commit" -> producer.commitTransaction();
            case "abort" -> producer.abortTransaction();
            case "close" -> producer.close(Duration.ofMillis(500));
            default -> throw new IllegalArgumentException(w[0]);
        }
    }

    private static void copy(String[] args) throws InterruptedException {
        Properties c = new Properties();
        c.put("bootstrap.servers", args[0]);
        c.put("group.id", args[3]);
        c.put("group.instance.id", args[4]);
        c.put("session.timeout.ms", "6000");
        c.put("auto.offset.reset", "earliest");
        c.put("enable.auto.commit", "false");
        c.put("isolation.level", "read_committed");
        c.put("max.poll.records", "20");
        try (KafkaProducer<String, String> producer = producer(args[0], args[4], "10000");
             KafkaConsumer<String, String> consumer = new KafkaConsumer<>(c, new StringDeserializer(), new StringDeserializer())) {
            producer.initTransactions();
            consumer.subscribe(List.of(args[1]));
            for (;;) {
                Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>();
                var records = consumer.poll(Duration.ofMillis(100));
                if (records.isEmpty()) {
                    continue;
                }
                producer.beginTransaction();
                for (ConsumerRecord<String, String> r : records) {
                    producer.send(new ProducerRecord<>(args[2], r.partition(), null, r.value()));
                    next.put(new TopicPartition(r.topic(), r.partition()), new OffsetAndMetadata(r.offset() + 1));
                }
                producer.sendOffsetsToTransaction(next, consumer.groupMetadata());
                producer.commitTransaction();
                Thread.sleep(10); // so that it is killed in the middle
            }
        }
    }
}
