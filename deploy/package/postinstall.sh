#!/bin/sh
# The service is not started by itself: first look at /etc/leat/server.properties. A newer version is taken over when the service restarts, which on
# a cluster is done node by node.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
