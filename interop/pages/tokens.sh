# The broker of docs/how-to/delegation-tokens.md: clients log in by SCRAM over TLS at broker:9093. Its server.properties is in the directory of the machine.
. "$LEAT_SOURCE/interop/pages/certificate.sh"
certificate broker
cat >>server.properties <<END
listeners=LOCAL://broker:9092,CLIENTS://broker:9093,CONTROLLER://broker:9099
listener.security.protocol.map=LOCAL:PLAINTEXT,CLIENTS:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=LOCAL
sasl.enabled.mechanisms=SCRAM-SHA-256
listener.name.clients.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location=$PAGES_LOGS/node.pem
log.dirs=data
END
leat server server.properties >"$PAGES_LOGS/server.log" 2>&1 &
for _ in $(seq 1200); do leat cluster health -b broker:9092 >/dev/null 2>&1 && break; sleep 0.1; done
echo secret | leat user create me --mechanism SCRAM-SHA-256 -b broker:9092
