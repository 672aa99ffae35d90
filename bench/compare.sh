#!/bin/sh
# Measures leat beside Apache Kafka and the floor, and prints tables: make bench.
#
#   bench/compare.sh                              everything, 3 rounds
#   bench/compare.sh --short                      a smoke test of some minutes, not a measurement
#   bench/compare.sh --parts "produce latency"    only these parts
#   bench/compare.sh --docs                       also writes docs/explanation/performance.md
#
# What follows goes to bench/compare, which lists its flags with --help. LEAT_BINARY names a leat that is built already.
set -eu
cd "$(dirname "$0")/.."
docs=
case "${1:-}" in --docs) shift && docs=docs/explanation/performance.md ;; esac
interop/setup.sh kafka >&2
bin=${LEAT_INTEROP_CACHE:-.cache/interop}/bin
[ -n "${LEAT_BINARY:-}" ] || CGO_ENABLED=0 go build -trimpath -o "$bin/leat" ./cmd/leat
go build -o "$bin/" ./bench/compare ./bench/cmd/floor ./bench/partitions
exec "$bin/compare" -binary "${LEAT_BINARY:-$bin/leat}" -floor "$bin/floor" -partitions "$bin/partitions" -docs "$docs" "$@"
