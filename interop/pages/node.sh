# What a page expects that begins with a node at localhost:9092: <!-- prepare . "$LEAT_SOURCE/interop/pages/node.sh" -->. Arguments go to the server.
# Kafka's tools are there by their own names; they are leat.
command -v leat >/dev/null || (cd "$LEAT_SOURCE" && go build -buildvcs=false -o "$PAGES_LOGS/bin/leat" ./cmd/leat)
leat install-tools "$PAGES_LOGS/bin" >/dev/null
leat server "$@" >"$PAGES_LOGS/server.log" 2>&1 &
for _ in $(seq 300); do leat cluster health >/dev/null 2>&1 && break; sleep 0.1; done
leat cluster health >/dev/null
