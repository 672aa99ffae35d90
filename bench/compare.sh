#!/bin/sh
# Measures leat beside Apache Kafka and prints a table.
#
#   bench/compare.sh                     3 runs of each, about 5 minutes
#   bench/compare.sh --short             a smoke test of a minute
#   bench/compare.sh --docs              also writes docs/explanation/performance.md
#
# What follows goes to the program. LEAT_BINARY names a leat that is built already.
set -eu
cd "$(dirname "$0")/.."
docs=
case "${1:-}" in --docs) shift && docs=docs/explanation/performance.md ;; esac
interop/setup.sh kafka >&2
bin=${LEAT_INTEROP_CACHE:-.cache/interop}/bin
[ -n "${LEAT_BINARY:-}" ] || CGO_ENABLED=0 go build -o "$bin/leat" ./cmd/leat
go build -o "$bin/compare" ./bench/compare
exec "$bin/compare" -binary "${LEAT_BINARY:-$bin/leat}" -docs "$docs" "$@"
