# What docs/how-to/replace-kafka.md says of controllers whose log is behind: at each machine, after all were asked for their positions.
positions=$(cat "$PAGES_LOGS"/position.*)
# shellcheck disable=SC2086
said=$(leat quorum takeover --config /etc/kafka/controller.properties $positions 2>&1) || {
	from=$(echo "$said" | sed -n "s/.*copy of node \([0-9]*\)'s.*/\1/p")
	log=__cluster_metadata-0
	rm -r "$PAGES_LOGS/data-$(hostname)/$log"
	cp -r "$PAGES_LOGS/data-controller$from/$log" "$PAGES_LOGS/data-$(hostname)/"
}
