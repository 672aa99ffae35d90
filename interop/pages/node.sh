# What a page expects that begins with a node at localhost:9092: <!-- prepare . "$LEAT_SOURCE/interop/pages/node.sh" -->. Arguments go to the server.
# stop_node ends it.
. "$LEAT_SOURCE/interop/pages/tools.sh"
leat server "$@" >"$PAGES_LOGS/server.log" 2>&1 &
leat_node=$!
stop_node() { kill $leat_node && wait $leat_node; }
for _ in $(seq 1200); do leat cluster health >/dev/null 2>&1 && break; sleep 0.1; done
leat cluster health >/dev/null || { tail "$PAGES_LOGS/server.log"; false; }
