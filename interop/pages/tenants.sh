# The node of docs/how-to/tenants.md, with its server.properties in this directory; everybody logs in by PLAIN over TLS.
. "$LEAT_SOURCE/interop/pages/tools.sh"
. "$LEAT_SOURCE/interop/pages/certificate.sh"
certificate localhost "$(hostname)"
plain='org.apache.kafka.common.security.plain.PlainLoginModule required username="node" password="p" user_node="p" user_admin="p" user_ann="p" user_app="p";'
cat >>server.properties <<END
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
$(for l in internal red blue controller; do echo "listener.name.$l.plain.sasl.jaas.config=$plain"; done)
ssl.keystore.type=PEM
ssl.keystore.location=$PAGES_LOGS/node.pem
ssl.truststore.type=PEM
ssl.truststore.location=$PAGES_LOGS/authority.pem
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:node;User:admin
log.dirs=data
END
for who in admin ann app; do login $who.properties $who p; done
leat server server.properties >"$PAGES_LOGS/server.log" 2>&1 &
for _ in $(seq 1200); do leat cluster health -b localhost:9092 --command-config admin.properties >/dev/null 2>&1 && break; sleep 0.1; done
leat cluster health -b localhost:9092 --command-config admin.properties >/dev/null || { tail "$PAGES_LOGS/server.log"; false; }
