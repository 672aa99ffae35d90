# What pages expect of everybody who reads them: leat, and Kafka's tools by their own names, which are leat.
command -v leat >/dev/null || (cd "$LEAT_SOURCE" && go build -buildvcs=false -o "$PAGES_LOGS/bin/leat" ./cmd/leat)
leat install-tools "$PAGES_LOGS/bin" >/dev/null

# all_up N ADDRESS: waits until a cluster has that many brokers, and nothing is wrong with them.
all_up() {
	for _ in $(seq 1200); do
		{ leat cluster health -b "$2" || true; } >"$PAGES_LOGS/health" 2>&1
		grep -q " $1 of $1 are up" "$PAGES_LOGS/health" && leat cluster health -b "$2" >/dev/null 2>&1 && return
		sleep 0.1
	done
	cat "$PAGES_LOGS/health"
	return 1
}
