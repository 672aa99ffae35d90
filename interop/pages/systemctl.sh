#!/bin/bash
# systemctl in the world of a page: see installed.sh.
set -euo pipefail
unit() { sed -n "s/^$1=//p" "$LEAT_SOURCE/deploy/systemd/leat.service"; }
log=/var/log/leat/server.log
running() { [ -f /var/lib/leat.pid ] && kill -0 "$(cat /var/lib/leat.pid)" 2>/dev/null; }
start() {
	: >$log
	(cd "$(unit WorkingDirectory)" && exec $(unit ExecStart) >>$log 2>&1 3>&-) &
	echo $! >/var/lib/leat.pid
	until grep -q '^leat ready' $log; do running || { tail $log; exit 1; }; sleep 0.05; done
}
stop() {
	running || return 0
	kill "$(cat /var/lib/leat.pid)"
	while running; do sleep 0.05; done
}
[ "${*: -1}" = leat ] || { echo "systemctl: $*: no such service here" >&2; exit 5; }
case $1 in
start) start ;;
enable) [ "$2" != --now ] || start ;;
stop) stop ;;
restart) stop; start ;;
reload) reload=$(unit ExecReload) && ${reload/\$MAINPID/$(cat /var/lib/leat.pid)} ;;
status) running ;;
*) echo "systemctl $1: not known here" >&2; exit 1 ;;
esac
