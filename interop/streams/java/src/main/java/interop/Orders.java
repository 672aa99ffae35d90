package interop;

import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.TimeWindows;

/**
 * A streams application with what real ones have: an aggregation behind a repartition topic, a join of a stream with a table, and a
 * windowed count, all with state stores and changelogs.
 *
 * <p>Input: topic "orders", key customer, value "id product amount"; topic "customers", key customer, value name. Output: "totals",
 * product to sum of amounts; "named", order id to name of the customer; "windows", "customer start" to number of orders.
 *
 * <p>Arguments are configs, key=value. It prints "state NEW OLD" for each change of its state, and stops in order when its standard
 * input ends.
 */
public final class Orders {
    private Orders() {}

    public static void main(String[] args) throws Exception {
        Properties config = new Properties();
        config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        for (String arg : args) {
            int at = arg.indexOf('=');
            config.put(arg.substring(0, at), arg.substring(at + 1));
        }
        StreamsBuilder builder = new StreamsBuilder();
        KStream<String, String> orders = builder.stream("orders");
        KTable<String, String> customers = builder.table("customers");
        orders.map((customer, order) -> KeyValue.pair(order.split(" ")[1], Long.parseLong(order.split(" ")[2])))
            .groupByKey(Grouped.with("by-product", Serdes.String(), Serdes.Long()))
            .aggregate(() -> 0L, (product, amount, sum) -> sum + amount, Materialized.with(Serdes.String(), Serdes.Long()))
            .toStream().mapValues(String::valueOf).to("totals");
        orders.join(customers, (order, name) -> order.split(" ")[0] + " " + name)
            .map((customer, joined) -> KeyValue.pair(joined.split(" ")[0], joined.split(" ")[1])).to("named");
        orders.groupByKey().windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofSeconds(10), Duration.ofDays(1))).count()
            .toStream((window, n) -> window.key() + " " + window.window().start()).mapValues(String::valueOf).to("windows");

        KafkaStreams streams = new KafkaStreams(builder.build(), config);
        CountDownLatch over = new CountDownLatch(1);
        streams.setStateListener((now, before) -> {
            System.out.println("state " + now + " " + before);
            if (now == KafkaStreams.State.ERROR || now == KafkaStreams.State.NOT_RUNNING) {
                over.countDown();
            }
        });
        streams.setUncaughtExceptionHandler(e -> {
            System.out.println("error " + e);
            e.printStackTrace();
            return StreamThreadExceptionResponse.REPLACE_THREAD;
        });
        Thread stopper = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {
                    // until it ends
                }
            } catch (java.io.IOException e) {
                // as if it had ended
            }
            System.out.println("closed " + streams.close(Duration.ofSeconds(30)));
            over.countDown();
        });
        stopper.setDaemon(true);
        stopper.start();
        streams.start();
        over.await();
        if (streams.state() == KafkaStreams.State.ERROR) {
            System.exit(1);
        }
        stopper.join(40_000);
    }
}
