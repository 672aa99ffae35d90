"""What Workers.java is, with librdkafka: share consumers that take the same arguments and print the same lines."""
import sys
import threading
import time

from confluent_kafka import AcknowledgeType, KafkaException, ShareConsumer

bootstrap, topic, group, workers, handler, per_poll, idle, _, _, leave = sys.argv[1:11]
handler, idle, leave = float(handler) / 1000, float(idle), float(leave)
last = time.monotonic() + 30  # the first may take longer
lock = threading.Lock()
told = threading.Event()  # to leave


def listen():
    while sys.stdin.buffer.raw.read(1):
        pass
    told.set()


if leave < 0:
    threading.Thread(target=listen, daemon=True).start()


def work(number):
    global last
    consumer = ShareConsumer({"bootstrap.servers": bootstrap, "group.id": group, "max.poll.records": int(per_poll), "share.acknowledgement.mode": "explicit"})
    consumer.subscribe([topic])
    began = time.monotonic()
    while not told.is_set() and time.monotonic() - last < idle and (leave <= 0 or time.monotonic() - began < leave):
        try:
            records = consumer.poll(0.2)
        except KafkaException as e:
            print("poll:", e, file=sys.stderr, flush=True)
            continue
        polled = time.monotonic_ns()
        for r in records:
            if r.error() is not None:
                print("record:", r.error(), file=sys.stderr, flush=True)
                continue
            last = time.monotonic()
            begin = time.monotonic_ns()
            time.sleep(handler)
            fields = [number, r.partition(), r.offset(), r.key().decode(), r.value().decode(), r.delivery_count(), begin, time.monotonic_ns(), "accept", polled]
            with lock:
                sys.stdout.write("\t".join(map(str, fields)) + "\n")
                sys.stdout.flush()
            consumer.acknowledge(r, AcknowledgeType.ACCEPT)
    consumer.close()


threads = [threading.Thread(target=work, args=(n,)) for n in range(int(workers))]
for t in threads:
    t.start()
for t in threads:
    t.join()
