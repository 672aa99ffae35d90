# Apache Kafka on a machine of a page, from the cache of interop/setup.sh: start_kafka FILE formats what is not formatted and starts it, stop_kafka stops it in order.
cache=${LEAT_INTEROP_CACHE:-$LEAT_SOURCE/.cache/interop}
{ [ -d "$cache/kafka" ] && command -v java >/dev/null; } || { echo "Apache Kafka is not in $cache/kafka, or there is no java: interop/setup.sh kafka gets it" && return 3; }
start_kafka() {
	leat storage format --ignore-formatted --cluster-id bGVhdC1pbnRlcm9wLTAwMQ --config "$@" >>"$kafka_logs/kafka.log"
	java -Xmx256m -XX:TieredStopAtLevel=1 -cp "$cache/kafka/*" -Dlog4j2.configurationFile="$LEAT_SOURCE/interop/kafka/log4j2.properties" kafka.Kafka "$1" >>"$kafka_logs/kafka.log" 2>&1 &
	kafka=$!
}
stop_kafka() { kill $kafka && { wait $kafka || true; }; }
kafka_logs=$PWD
