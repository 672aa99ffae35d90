# A node of a cluster at each machine of a page: <!-- prepare on broker1,broker2,broker3: . "$LEAT_SOURCE/interop/pages/cluster.sh" -->. Its id is the digit at the
# end of the machine's name; the first three are controllers, too. Arguments go to the server. Variables may say more: voters are static ones, format is what the
# directory is formatted with, LEAT_PROGRAM is another build. stop_node ends the node, start_node starts it again. The page's own machine waits for all:
# all_up 3 broker1:9092.
id=$(hostname | sed 's/.*[^0-9]//')
roles=broker,controller
[ "$id" -le 3 ] || roles=broker
mkdir -p /var/lib/leat /var/log/leat
cat >server.properties <<END
node.id=$id
process.roles=$roles
listeners=PLAINTEXT://$(hostname):9092$([ "$id" -gt 3 ] || echo ",CONTROLLER://$(hostname):9093")
controller.listener.names=CONTROLLER
$([ -n "${voters:-}" ] && echo "controller.quorum.voters=$voters" || echo controller.quorum.bootstrap.servers=broker1:9093,broker2:9093,broker3:9093)
log.dirs=/var/lib/leat
leat.http.listener=$(hostname):9644
END
leat_arguments=("$@")
# shellcheck disable=SC2086
[ -z "${format:-}" ] || "${LEAT_PROGRAM:-leat}" storage format --config server.properties $format
start_node() { "${LEAT_PROGRAM:-leat}" server --config server.properties "${leat_arguments[@]}" >>/var/log/leat/server.log 2>&1 & leat_node=$!; }
stop_node() { kill "$@" $leat_node && { wait $leat_node || true; }; }
start_node
