#!/bin/sh
# The example from end to end, on a broker of its own.
#
#   run.sh                 ten seconds of this machine, then the table
#   run.sh --test          three seconds, and fails unless every line came back as it went in
#
# LEAT_BINARY names the leat to start (./leat if unset). With BOOTSTRAP set, that broker is used and none is started.
set -eu
cd "$(dirname "$0")"
test=
seconds=10
[ "${1:-}" != --test ] || { test=yes && seconds=3; }
command -v kcat >/dev/null || { echo "kcat is missing: apt-get install kcat" >&2 && exit 1; }
work=$(mktemp -d)
broker=
trap '[ -z "$broker" ] || { kill "$broker" && wait "$broker" || true; }; rm -rf "$work"' EXIT

if [ -z "${BOOTSTRAP:-}" ]; then
	leat=${LEAT_BINARY:-../../leat}
	case $leat in /* | ../../leat) ;; *) leat=$OLDPWD/$leat ;; esac
	"$leat" server --set log.dirs="$work/data" --set leat.http.listener= \
		--set listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0 >"$work/out" 2>"$work/log" &
	broker=$!
	for _ in $(seq 900); do
		BOOTSTRAP=$(sed -n 's/^leat ready.*bootstrap=\([^ ]*\).*/\1/p' "$work/out")
		[ -z "$BOOTSTRAP" ] || break
		kill -0 "$broker" 2>/dev/null || break
		sleep 0.1
	done
	[ -n "$BOOTSTRAP" ] || { echo "leat did not become ready:" >&2 && cat "$work/out" "$work/log" >&2 && exit 1; }
fi
topic=processes-$$

echo "sampling the process table for $seconds seconds into topic $topic on $BOOTSTRAP"
./sample.sh "$seconds" | tee "$work/sent" | kcat -P -b "$BOOTSTRAP" -t "$topic" -K '\t' -z zstd
kcat -C -b "$BOOTSTRAP" -t "$topic" -o beginning -e -q -f '%k\t%s\n' >"$work/got"
echo "average MB, samples, program:"
./top.sh <"$work/got"

if [ -n "$test" ]; then
	sort "$work/sent" >"$work/sent.sorted"
	sort "$work/got" >"$work/got.sorted"
	[ -s "$work/sent" ] || { echo "FAILED: nothing was sampled" >&2 && exit 1; }
	cmp "$work/sent.sorted" "$work/got.sorted" || { echo "FAILED: what came back is not what was sent" >&2 && exit 1; }
	echo "ok: $(wc -l <"$work/got") lines came back as they went in"
fi
