# A broker or a controller of a cluster of Apache Kafka, by the machine's name: docs/how-to/replace-kafka.md.
id=$(hostname | sed 's/[^0-9]*//')
mkdir -p /etc/kafka
role=$(hostname | sed 's/[0-9]*$//')
listeners=PLAINTEXT://$(hostname):9092
file=/etc/kafka/server.properties
[ "$role" = broker ] || { listeners=CONTROLLER://$(hostname):9093 && file=/etc/kafka/controller.properties; }
cat >$file <<END
process.roles=$role
node.id=$id
controller.quorum.voters=11@controller11:9093,12@controller12:9093,13@controller13:9093
listeners=$listeners
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$PAGES_LOGS/data-$(hostname)
offsets.topic.replication.factor=3
END
start_kafka $file
