#!/bin/sh
# Data outlives the package, also when it is purged: nobody gets records back that a package manager has deleted.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
if [ "${1:-}" = purge ] && [ -d /var/lib/leat ] && ! rmdir /var/lib/leat 2>/dev/null; then
	echo "leat: data is left in /var/lib/leat: remove it by hand if nobody needs it, and the user and the group leat with it"
fi
