# A node of Apache Kafka with data, stopped in order: docs/how-to/move-from-kafka.md.
mkdir -p /etc/kafka
cat >/etc/kafka/server.properties <<END
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:9093
listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093
controller.listener.names=CONTROLLER
log.dirs=$PWD/kafka-data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
END
start_kafka /etc/kafka/server.properties --standalone
leat cluster health --wait 60s
leat topic create orders --partitions 1
seq 30 | leat produce orders
leat consume orders --group billing --num 10 >/dev/null
stop_kafka
