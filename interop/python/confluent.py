"""Drives confluent-kafka (librdkafka) for the interop suite. What the actions take and print is in interop/README.md."""

import sys
import time

import confluent_kafka
from confluent_kafka.admin import AdminClient, NewTopic

from lines import print_record, read_inputs


def create(bootstrap, topic, partitions):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(topic, int(partitions), 1)]).values():
        future.result(120)


def produce(bootstrap, topic):
    for codec, records in read_inputs().items():
        producer = confluent_kafka.Producer({
            "bootstrap.servers": bootstrap,
            "compression.type": codec,
            "enable.idempotence": True,
            "linger.ms": 50,
        })
        acked = []

        def delivered(number):
            def callback(err, message):
                if err is not None:
                    raise confluent_kafka.KafkaException(err)
                acked.append((number, message.partition(), message.offset()))
            return callback

        for number, timestamp, key, value, headers in records:
            producer.produce(topic, key=key, value=value, headers=headers, timestamp=timestamp, on_delivery=delivered(number))
        if producer.flush(120) or len(acked) != len(records):
            sys.exit(f"{codec}: {len(acked)} of {len(records)} records acknowledged")
        for ack in acked:
            print(*ack, sep="\t")


def consume(bootstrap, topic, group, count):
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    })
    consumer.subscribe([topic])
    seen, deadline = 0, time.monotonic() + 120
    while time.monotonic() < deadline:
        message = consumer.poll(0.1)
        if message is None:
            continue
        if message.error():
            raise confluent_kafka.KafkaException(message.error())
        print_record(message.partition(), message.offset(), message.timestamp()[1],
                     message.key(), message.value(), message.headers() or [])
        seen += 1
        if seen == int(count):
            deadline = time.monotonic() + 0.5  # a little longer, so that a record too many is seen as well
    consumer.commit(asynchronous=False)
    consumer.close()


def version():
    print(f"{confluent_kafka.__version__} (librdkafka {confluent_kafka.libversion()[0]})")


{"version": version, "create": create, "produce": produce, "consume": consume}[sys.argv[1]](*sys.argv[2:])
