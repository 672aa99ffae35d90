# The cluster of docs/how-to/why.md: orders with a partition at brokers 2 and 3, the group billing, and two clients, of which shop writes as long as the page lasts.
export LEAT_BOOTSTRAP_SERVER=broker1:9092
all_up 3 broker1:9092
kafka-topics --bootstrap-server broker1:9092 --create --topic orders --replica-assignment 1:2,1:2,1:2,2:3 --config min.insync.replicas=2
leat topic create payments --partitions 1 --replicas 3
leat consume payments --group billing -X client.id=payments-service >/dev/null 2>&1 &
while sleep 0.2; do echo order; done | leat produce orders --partition 3 --timeout 5m -X client.id=shop >/dev/null 2>&1 &
for _ in $(seq 1200); do [ "$(leat group describe billing -o template='{{len .members}}' 2>/dev/null)" = 1 ] && break; sleep 0.1; done
for _ in $(seq 1200); do leat why client shop >/dev/null && leat why >/dev/null && break; sleep 0.1; done
