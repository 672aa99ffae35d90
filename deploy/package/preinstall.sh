#!/bin/sh
set -e
getent group leat >/dev/null || groupadd --system leat
getent passwd leat >/dev/null || useradd --system --gid leat --home-dir /var/lib/leat --no-create-home --shell /usr/sbin/nologin leat
