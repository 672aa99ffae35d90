import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.Struct;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.MemoryRecords;

/**
 * Writes one file per API with a line for each version, side and filling: the frame without its length prefix, in hexadecimal.
 *
 * "defaults" is a message as its class creates it; "filled" has a value in every field of the version and two elements in every array. A filled message
 * is first formed from the schema of the version, then read and written again by the generated class, so that every byte is one that Kafka wrote.
 */
public final class GoldenFrames {
    private static int seed;

    public static void main(String[] args) throws Exception {
        Path dir = Path.of(args[0]);
        Files.createDirectories(dir);
        for (ApiMessageType type : ApiMessageType.values()) {
            short last = type.highestSupportedVersion(true); // with unstable versions
            if (type.listeners().isEmpty() || last < 0) {
                continue;
            }
            try (PrintWriter out = new PrintWriter(dir.resolve(type.name + ".txt").toFile())) {
                for (short v = type.lowestSupportedVersion(); v <= last; v++) {
                    record(out, type, v, true);
                    record(out, type, v, false);
                }
            }
        }
    }

    private static void record(PrintWriter out, ApiMessageType type, short v, boolean isRequest) {
        Schema schema = (isRequest ? type.requestSchemas() : type.responseSchemas())[v];
        for (String filling : new String[] {"defaults", "filled"}) {
            ApiMessage message = isRequest ? type.newRequest() : type.newResponse();
            if (filling.equals("filled")) {
                seed = 0;
                Struct struct = fill(schema);
                ByteBuffer bytes = ByteBuffer.allocate(struct.sizeOf());
                struct.writeTo(bytes);
                bytes.flip();
                message.read(new ByteBufferAccessor(bytes), v);
                if (bytes.hasRemaining()) {
                    throw new IllegalStateException(type + " v" + v + ": bytes remain");
                }
            }
            ApiMessage header = isRequest
                ? new RequestHeaderData().setRequestApiKey(type.apiKey()).setRequestApiVersion(v).setCorrelationId(7).setClientId("golden")
                : new ResponseHeaderData().setCorrelationId(7);
            short headerVersion = isRequest ? type.requestHeaderVersion(v) : type.responseHeaderVersion(v);
            String hex;
            try {
                hex = HexFormat.of().formatHex(bytes(header, headerVersion)) + HexFormat.of().formatHex(bytes(message, v));
            } catch (RuntimeException e) {
                throw new IllegalStateException(type + " v" + v + " " + filling + " " + isRequest, e);
            }
            out.println("v" + v + " " + (isRequest ? "request" : "response") + " " + filling + " " + hex);
        }
    }

    private static byte[] bytes(ApiMessage message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        return buffer.array();
    }

    private static Struct fill(Schema schema) {
        Struct struct = new Struct(schema);
        for (BoundField field : schema.fields()) {
            struct.set(field, value(field.def.type, field.def.name));
        }
        return struct;
    }

    private static Object value(Type type, String name) {
        seed++;
        if (type instanceof Schema schema) {
            return fill(schema);
        }
        if (type instanceof TaggedFields tagged) {
            NavigableMap<Integer, Object> values = new TreeMap<>();
            for (Map.Entry<Integer, Field> tag : tagged.fields().entrySet()) {
                values.put(tag.getKey(), value(tag.getValue().type, tag.getValue().name));
            }
            return values;
        }
        if (type.arrayElementType().isPresent()) {
            Type element = type.arrayElementType().get();
            return new Object[] {value(element, name), value(element, name)};
        }
        String kind = type.toString();
        if (kind.contains("STRING")) {
            return "text" + (char) ('a' + seed % 26);
        } else if (kind.contains("RECORDS")) {
            return MemoryRecords.readableRecords(ByteBuffer.wrap(new byte[] {1, 2, 3, (byte) seed}));
        } else if (kind.contains("BYTES")) {
            return ByteBuffer.wrap(new byte[] {9, 8, (byte) seed});
        }
        return switch (kind) {
            case "BOOLEAN" -> true;
            case "INT8" -> (byte) (seed % 100 + 1);
            case "INT16" -> (short) (seed % 100 + 1);
            case "UINT16" -> seed % 100 + 1;
            case "INT32" -> seed % 100 + 1;
            case "INT64" -> (long) (seed % 100 + 1);
            case "FLOAT64" -> seed + 0.5;
            case "UUID" -> new Uuid(seed, seed + 1);
            default -> throw new IllegalStateException("no value for type " + kind + " " + type.getClass());
        };
    }
}
