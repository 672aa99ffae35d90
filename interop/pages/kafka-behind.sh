# What docs/how-to/replace-kafka.md says of controllers whose log is behind: at each machine, after all were asked for their positions.
positions=$(cat "$PAGES_LOGS"/position.*)
# shellcheck disable=SC2086
said=$(leat quorum takeover --config /etc/kafka/controller.properties $positions 2>&1) || {
	echo "$said"
	from=$(echo "$positions" | sort -t: -k2,2n -k3,3n | tail -1 | cut -d: -f1)
	log=__cluster_metadata-0
	rm -r "$PAGES_LOGS/data-$(hostname)/$log"
	cp -r "$PAGES_LOGS/data-controller$from/$log" "$PAGES_LOGS/data-$(hostname)/"
}
