import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.internals.ByteBufferOutputStream;

/**
 * Writes the golden batches beside it with the Java client of Apache Kafka 4.4.0, or reads batches that leat wrote.
 *
 *   java -cp kafka-clients-4.4.0.jar:zstd-jni.jar:lz4-java.jar:snappy-java.jar:slf4j-api.jar Golden.java write DIRECTORY
 *   java -cp ...                                                                          Golden.java read FILE...
 *
 * What the batches hold is repeated, as literals, in golden_test.go.
 */
public class Golden {
    static final long TIME = 1700000000000L;
    static final int EPOCH = 7;
    static Path dir;

    public static void main(String[] args) throws Exception {
        if (args[0].equals("read")) {
            for (int i = 1; i < args.length; i++) {
                read(Path.of(args[i]));
            }
            return;
        }
        dir = Path.of(args[1]);
        for (CompressionType type : CompressionType.values()) {
            Compression compression = Compression.of(type).build();
            save("few-" + type.name, few(builder(compression, TimestampType.CREATE_TIME, 42, -1, (short) -1, -1, false, false, 0)));
            if (type != CompressionType.NONE) {
                MemoryRecordsBuilder many = builder(compression, TimestampType.CREATE_TIME, 1000, -1, (short) -1, -1, false, false, 0);
                for (int i = 0; i < 2000; i++) {
                    many.append(TIME + i, bytes("key-" + i % 10), bytes(String.format("value %05d of many that are alike", i)));
                }
                save("many-" + type.name, many);
            }
        }
        save("few-zstd-22", few(builder(Compression.zstd().level(22).build(), TimestampType.CREATE_TIME, 42, -1, (short) -1, -1, false, false, 0)));
        save("few-lz4-17", few(builder(Compression.lz4().level(17).build(), TimestampType.CREATE_TIME, 42, -1, (short) -1, -1, false, false, 0)));
        Compression none = Compression.NONE;
        save("idempotent", few(builder(none, TimestampType.CREATE_TIME, 0, 9000000001L, (short) 3, Integer.MAX_VALUE - 1, false, false, 0)));
        save("transactional", few(builder(none, TimestampType.CREATE_TIME, 42, 9, (short) 3, 17, true, false, 0)));
        save("log-append-time", few(builder(none, TimestampType.LOG_APPEND_TIME, 42, -1, (short) -1, -1, false, false, 0)));
        MemoryRecordsBuilder gaps = builder(none, TimestampType.CREATE_TIME, 42, -1, (short) -1, -1, false, false, 0);
        gaps.appendWithOffset(43, TIME, bytes("a"), bytes("1"));
        gaps.appendWithOffset(300, TIME + 1, bytes("b"), bytes("2"));
        save("gaps", gaps);
        save("delete-horizon", few(builder(none, TimestampType.CREATE_TIME, 42, -1, (short) -1, -1, false, false, TIME + 86400000L)));
        ByteBuffer empty = ByteBuffer.allocate(DefaultRecordBatch.RECORD_BATCH_OVERHEAD);
        DefaultRecordBatch.writeEmptyHeader(empty, RecordBatch.MAGIC_VALUE_V2, 9, (short) 3, 17, 42, 49, EPOCH,
            TimestampType.CREATE_TIME, TIME, true, false);
        save("empty", flipped(empty));
        save("commit", marker(ControlRecordType.COMMIT));
        save("abort", marker(ControlRecordType.ABORT));
        save("leader-change", MemoryRecords.withLeaderChangeMessage(42, TIME, EPOCH, ByteBuffer.allocate(256),
            new LeaderChangeMessage().setLeaderId(5)).buffer());
        for (byte magic = 0; magic < 2; magic++) {
            MemoryRecordsBuilder old = MemoryRecords.builder(ByteBuffer.allocate(1024), magic, none,
                magic == 0 ? TimestampType.NO_TIMESTAMP_TYPE : TimestampType.CREATE_TIME, 42);
            old.append(magic == 0 ? RecordBatch.NO_TIMESTAMP : TIME, bytes("k"), bytes("v"));
            save("magic-" + magic, old);
        }
    }

    static MemoryRecordsBuilder builder(Compression compression, TimestampType type, long baseOffset, long producerId,
                                        short producerEpoch, int sequence, boolean transactional, boolean control, long deleteHorizon) {
        return new MemoryRecordsBuilder(new ByteBufferOutputStream(1024), RecordBatch.MAGIC_VALUE_V2, compression, type, baseOffset,
            type == TimestampType.LOG_APPEND_TIME ? TIME + 9999 : RecordBatch.NO_TIMESTAMP, producerId, producerEpoch, sequence,
            transactional, control, EPOCH, Integer.MAX_VALUE, deleteHorizon == 0 ? RecordBatch.NO_TIMESTAMP : deleteHorizon);
    }

    static MemoryRecordsBuilder few(MemoryRecordsBuilder builder) {
        builder.append(TIME, bytes("k1"), bytes("v1"));
        builder.append(TIME + 5, null, bytes("v2"), new Header[] {
            new RecordHeader("h1", bytes("x")), new RecordHeader("h2", (byte[]) null), new RecordHeader("", new byte[0]),
            new RecordHeader("größe", new byte[] {0, -1})});
        builder.append(TIME - 3, new byte[0], null);
        return builder;
    }

    static ByteBuffer marker(ControlRecordType type) {
        return MemoryRecords.withEndTransactionMarker(42, TIME, EPOCH, 9, (short) 3, new EndTransactionMarker(type, 12)).buffer();
    }

    static ByteBuffer flipped(ByteBuffer buffer) {
        buffer.flip();
        return buffer;
    }

    static byte[] bytes(String s) {
        return s.getBytes(StandardCharsets.UTF_8);
    }

    static void save(String name, MemoryRecordsBuilder builder) throws Exception {
        save(name, builder.build().buffer());
    }

    static void save(String name, ByteBuffer buffer) throws Exception {
        byte[] out = new byte[buffer.remaining()];
        buffer.duplicate().get(out);
        Files.write(dir.resolve(name + ".batch"), out);
    }

    /** Prints one line per batch: name, codec, whether it is valid, records, a hash over what they hold. */
    static void read(Path file) throws Exception {
        for (RecordBatch batch : MemoryRecords.readableRecords(ByteBuffer.wrap(Files.readAllBytes(file))).batches()) {
            int count = 0;
            int hash = 0;
            for (Record record : batch) {
                count++;
                hash = 31 * hash + Long.hashCode(record.offset());
                hash = 31 * hash + Long.hashCode(record.timestamp());
                hash = 31 * hash + (record.hasKey() ? record.key().duplicate().hashCode() : 0);
                hash = 31 * hash + (record.hasValue() ? record.value().duplicate().hashCode() : 0);
                hash = 31 * hash + record.headers().length;
            }
            System.out.println(file.getFileName() + " " + batch.compressionType().name + " " + batch.isValid() + " " + count + " " + hash);
        }
    }
}
