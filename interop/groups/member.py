"""One member of a group: says what it reads, then what it has committed, until its input ends."""
import sys
import threading

from confluent_kafka import Consumer, KafkaException

bootstrap, topic, group, protocol = sys.argv[1:5]
leave = threading.Event()


def listen():
    while sys.stdin.buffer.raw.read(1):
        pass
    leave.set()


threading.Thread(target=listen, daemon=True).start()
config = {
    "bootstrap.servers": bootstrap, "group.id": group, "group.protocol": protocol, "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
}
if protocol == "classic":
    config.update({"session.timeout.ms": 6000, "heartbeat.interval.ms": 1000})
consumer = Consumer(config)
consumer.subscribe([topic])
while not leave.is_set():
    read = [m for m in consumer.consume(100, 0.2) if m.error() is None]
    if not read:
        continue
    print("\n".join(f"read {m.partition()} {m.offset()}" for m in read), flush=True)
    try:
        done = consumer.commit(asynchronous=False)
    except KafkaException as e:
        print("commit:", e, file=sys.stderr)
        continue
    for tp in done:
        if tp.error is None:
            print(f"committed {tp.partition} {tp.offset}", flush=True)
consumer.close()
