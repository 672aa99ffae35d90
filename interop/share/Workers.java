import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Share consumers as anybody would write them: each takes records, works on each for a while, and says what became of it. What they do is printed, a line per
 * record: worker, partition, offset, key, value, delivery count, begin and end in nanoseconds, what was said, when the poll returned.
 *
 * Arguments: bootstrap, topic, group, workers, milliseconds per record, records per poll, seconds without a record until they end, keys to be released on
 * their first deliveries (key:times,...), keys whose worker hangs for ever (key,...), seconds until they leave in order whatever there is to do (0: never; -1: when the input ends).
 */
public final class Workers {
    private static final AtomicLong LAST = new AtomicLong(System.nanoTime() + 30_000_000_000L); // the first may take longer

    private static volatile boolean told; // to leave

    private Workers() {}

    private static void listen() {
        try {
            while (System.in.read() >= 0) { }
        } catch (java.io.IOException e) {
            // as good as its end
        }
        told = true;
    }

    public static void main(String[] args) throws Exception {
        if (args.length > 9 && args[9].equals("-1")) {
            Thread input = new Thread(Workers::listen);
            input.setDaemon(true);
            input.start();
        }
        int workers = Integer.parseInt(args[3]);
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < workers; i++) {
            int id = i;
            Thread t = new Thread(() -> work(id, args));
            t.start();
            threads.add(t);
        }
        for (Thread t : threads) {
            t.join();
        }
        System.exit(0);
    }

    private static int releases(String list, String key, int count) {
        for (String one : list.split(",")) {
            int colon = one.indexOf(':');
            if (colon > 0 && one.substring(0, colon).equals(key)) {
                return count <= Integer.parseInt(one.substring(colon + 1)) ? 1 : 0;
            }
        }
        return 0;
    }

    private static void work(int id, String[] args) {
        Properties p = new Properties();
        p.put("bootstrap.servers", args[0]);
        p.put("group.id", args[2]);
        p.put("max.poll.records", args[5]);
        p.put("share.acknowledgement.mode", "explicit");
        long handler = Long.parseLong(args[4]);
        long idle = Long.parseLong(args[6]) * 1_000_000_000L;
        List<String> stuck = List.of((args.length > 8 ? args[8] : "-").split(","));
        long leave = args.length > 9 ? Long.parseLong(args[9]) * 1_000_000_000L : 0;
        long began = System.nanoTime();
        try (KafkaShareConsumer<String, String> consumer = new KafkaShareConsumer<>(p, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(args[1]));
            while (!told && System.nanoTime() - LAST.get() < idle && (leave <= 0 || System.nanoTime() - began < leave)) {
                var records = consumer.poll(Duration.ofMillis(200));
                long polled = System.nanoTime();
                for (ConsumerRecord<String, String> r : records) {
                    LAST.set(System.nanoTime());
                    int count = r.deliveryCount().orElse((short) 0);
                    long begin = System.nanoTime();
                    if (stuck.contains(r.key())) {
                        say(id, r, count, begin, "stuck", polled);
                        Thread.sleep(3_600_000);
                    }
                    Thread.sleep(handler);
                    boolean release = releases(args.length > 7 ? args[7] : "-", r.key(), count) == 1;
                    say(id, r, count, begin, release ? "release" : "accept", polled);
                    consumer.acknowledge(r, release ? AcknowledgeType.RELEASE : AcknowledgeType.ACCEPT);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException e) {
            synchronized (System.err) {
                System.err.println("worker " + id);
                e.printStackTrace();
            }
        }
    }

    private static void say(int id, ConsumerRecord<String, String> r, int count, long begin, String what, long polled) {
        synchronized (System.out) {
            System.out.println(String.join("\t", "" + id, "" + r.partition(), "" + r.offset(), "" + r.key(), r.value(), "" + count, "" + begin, "" + System.nanoTime(), what, "" + polled));
        }
    }
}
