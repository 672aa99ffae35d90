#!/bin/sh
# Removed, not upgraded: dpkg says "remove", rpm 0.
set -e
case ${1:-} in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl --no-reload disable --now leat.service || true
	fi
	;;
esac
