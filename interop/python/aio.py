"""Drives aiokafka for the interop suite. What the actions take and print is in interop/README.md."""

import asyncio
import sys
import time

import aiokafka
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from lines import print_record, read_inputs


async def create(bootstrap, topic, partitions):
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        response = await admin.create_topics([NewTopic(topic, int(partitions), 1)])
        for name, code, *rest in response.topic_errors:
            if code:
                sys.exit(f"create {name}: error {code} {rest}")
    finally:
        await admin.close()


async def produce(bootstrap, topic):
    for codec, records in read_inputs().items():
        producer = aiokafka.AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            compression_type=None if codec == "none" else codec,
            enable_idempotence=True,
            linger_ms=50,
        )
        await producer.start()
        try:
            sent = []
            for number, timestamp, key, value, headers in records:
                sent.append((number, await producer.send(topic, key=key, value=value, headers=headers, timestamp_ms=timestamp)))
            await producer.flush()
            for number, future in sent:
                metadata = await future
                print(number, metadata.partition, metadata.offset, sep="\t")
        finally:
            await producer.stop()


async def consume(bootstrap, topic, group, count):
    consumer = aiokafka.AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        seen, deadline = 0, time.monotonic() + 120
        while time.monotonic() < deadline:
            for messages in (await consumer.getmany(timeout_ms=100)).values():
                for m in messages:
                    print_record(m.partition, m.offset, m.timestamp, m.key, m.value, m.headers)
                    seen += 1
                    if seen == int(count):
                        deadline = time.monotonic() + 0.5  # so that a record too many is seen as well
        await consumer.commit()
    finally:
        await consumer.stop()


async def version():
    print(aiokafka.__version__)


asyncio.run({"version": version, "create": create, "produce": produce, "consume": consume}[sys.argv[1]](*sys.argv[2:]))
