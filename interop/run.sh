#!/bin/sh
# Runs the real-client suite.
#
#   interop/run.sh leat                  builds leat and tests it
#   interop/run.sh kafka                 tests Apache Kafka, and so the suite itself
#   interop/run.sh leat -client kcat,kafkajs -seed 7
#   interop/run.sh leat --docs           also writes docs/reference/clients.md
#
# Everything after the target goes to the program; `go run ./interop/cmd/interop -help` lists it.
set -eu
cd "$(dirname "$0")/.."
target=${1:?usage: interop/run.sh leat|kafka [options]}
shift
[ "${1:-}" != --docs ] || { shift && set -- -docs docs/reference/clients.md "$@"; }
interop/setup.sh
bin=${LEAT_INTEROP_CACHE:-.cache/interop}/bin
go build -o "$bin/" ./interop/cmd/interop
if [ "$target" = leat ] && [ -z "${LEAT_BINARY:-}" ]; then
	go build -o "$bin/leat" ./cmd/leat
fi
exec "$bin/interop" -target "$target" -binary "${LEAT_BINARY:-$bin/leat}" "$@"
