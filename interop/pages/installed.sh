# What the package leaves on a machine: <!-- prepare . "$LEAT_SOURCE/interop/pages/installed.sh" -->. There is no systemd in the world of a page: systemctl is a
# program here that starts, stops and reloads the service by the lines of its unit.
. "$LEAT_SOURCE/interop/pages/tools.sh"
mkdir -p /etc/leat /var/lib/leat /var/log/leat
cp "$LEAT_SOURCE/deploy/package/server.properties" /etc/leat/
ln -s "$(command -v leat)" /usr/bin/leat
cp "$LEAT_SOURCE/interop/pages/systemctl.sh" "$PAGES_LOGS/bin/systemctl"
