"""Does with transactional producers what it is told, a line each, and answers "ok" or "error" and the name of the error.

Arguments: bootstrap; or bootstrap, input topic, output topic, group, transactional id, to copy a topic by transactions until it is killed.
"""
import os
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

PATIENCE = 60  # seconds
bootstrap = sys.argv[1]
producers = {}


def producer(name, timeout):
    return Producer({
        "bootstrap.servers": bootstrap, "transactional.id": name, "transaction.timeout.ms": int(timeout), "linger.ms": 0,
    })


def send(p, topic, partition, value):
    failed = []
    p.produce(topic, value, partition=int(partition), on_delivery=lambda err, _: failed.append(err) if err else None)
    p.flush(PATIENCE)
    if failed:
        raise KafkaException(failed[0])


def offset(p, group, topic, partition, at):
    metadata = Consumer({"bootstrap.servers": bootstrap, "group.id": group}).consumer_group_metadata()
    p.send_offsets_to_transaction([TopicPartition(topic, int(partition), int(at))], metadata, PATIENCE)


def tell(what, name, *args):
    p = producers.get(name)
    if what == "new":
        producers[name] = producer(*args)
    elif what == "init":
        p.init_transactions(PATIENCE)
    elif what == "begin":
        p.begin_transaction()
    elif what == "send":
        send(p, *args)
    elif what == "offset":
        offset(p, *args)
    elif what == "commit":
        p.commit_transaction(PATIENCE)
    elif what == "abort":
        p.abort_transaction(PATIENCE)
    elif what == "close":
        del producers[name]
    else:
        raise ValueError(what)


def copy(source, into, group, name):
    p = producer(name, 10000)
    p.init_transactions(PATIENCE)
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": group, "group.instance.id": name, "session.timeout.ms": 6000, "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "isolation.level": "read_committed",
    })
    consumer.subscribe([source])
    while True:
        records = [m for m in consumer.consume(20, 0.1) if m.error() is None]
        if not records:
            continue
        p.begin_transaction()
        for m in records:
            p.produce(into, m.value(), partition=m.partition())
        p.send_offsets_to_transaction(consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), PATIENCE)
        p.commit_transaction(PATIENCE)
        time.sleep(0.01)  # so that it is killed in the middle


if len(sys.argv) > 2:
    copy(*sys.argv[2:6])
for line in sys.stdin:
    try:
        tell(*line.split())
        print("ok", flush=True)
    except KafkaException as e:
        print("error", e.args[0].name(), e.args[0].str().replace("\n", " "), flush=True)
    except SystemError as e:  # a fatal error that the client tells in the middle of another call
        print("error", e.__cause__.args[0].name(), flush=True)
    except BufferError as e:
        print("error BufferError", e, flush=True)
sys.stdout.flush()
os._exit(0)  # transactions that are open stay so
