#!/bin/sh
# Installs what the interop suite needs, each part from its public registry, and skips what is there already.
#
#   interop/setup.sh                     everything
#   interop/setup.sh kafka java          only these: kafka java python node rust go kcat kerberos prometheus
#
# Needed beforehand: Go, a JDK 17 or later with Maven, Python 3 with venv, Node.js with npm, and Rust with cargo, cmake and a
# C++ compiler. What is fetched and built goes to $LEAT_INTEROP_CACHE (.cache/interop in the checkout if unset).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${LEAT_INTEROP_CACHE:-$here/../.cache/interop}
mkdir -p "$cache/bin" "$cache/stamps"
cache=$(cd "$cache" && pwd)
export LEAT_INTEROP_CACHE="$cache"

# -U asks again for what a registry did not have a moment ago. One that has stopped to answer is not waited for: it is asked again.
maven="mvn -q -B -U -Dstyle.color=never -Daether.connector.connectTimeout=20000 -Daether.connector.requestTimeout=60000 -Dmaven.wagon.rto=60000"

# fresh <part> <file>...: true if the part was built from exactly these files before.
sum() { cat "$@" | cksum; }
fresh() {
	stamp=$1
	shift
	[ "$(cat "$cache/stamps/$stamp" 2>/dev/null || true)" = "$(sum "$@")" ] && return
	rm -f "$cache/stamps/$stamp" # until all of it is built again
	return 1
}
built() {
	stamp=$1
	shift
	sum "$@" >"$cache/stamps/$stamp"
}
# again <command>...: registries are far away and sometimes busy.
again() {
	for pause in 2 5 10 20 40 60; do
		"$@" && return 0
		echo "interop/setup.sh: failed, trying again in $pause s: $*" >&2
		sleep $pause
	done
	"$@"
}

setup_kafka() {
	for jars in kafka kafka-tools; do
		pom=$here/kafka/pom.xml
		[ $jars = kafka ] || pom=$here/kafka/tools/pom.xml
		fresh $jars "$pom" && continue
		rm -rf "${cache:?}/$jars"
		again $maven -f "$pom" dependency:copy-dependencies -DoutputDirectory="$cache/$jars"
		built $jars "$pom"
	done
}
setup_java() {
	files="$here/java/pom.xml $here/java/src/main/java/interop/Driver.java"
	fresh java $files && return
	again $maven -f "$here/java/pom.xml" package -Dinterop.build="$cache/java"
	built java $files
}
setup_streams() {
	files="$here/streams/java/pom.xml $here/streams/java/src/main/java/interop/Orders.java"
	fresh streams $files && return
	again $maven -f "$here/streams/java/pom.xml" package -Dinterop.build="$cache/streams"
	built streams $files
}
setup_python() {
	fresh python "$here/python/requirements.txt" && return
	python3 -m venv --clear "$cache/python"
	again "$cache/python/bin/pip" install --quiet --only-binary :all: -r "$here/python/requirements.txt"
	built python "$here/python/requirements.txt"
}
setup_node() {
	[ -d "$here/node/node_modules" ] || rm -f "$cache/stamps/node"
	fresh node "$here/node/package-lock.json" && return
	(cd "$here/node" && again npm ci --silent --no-audit --no-fund --fetch-timeout=60000 --fetch-retries=5)
	built node "$here/node/package-lock.json"
}
setup_rust() {
	files="$here/rust/Cargo.toml $here/rust/Cargo.lock $here/rust/src/main.rs"
	fresh rust $files && return
	(cd "$here/rust" && again env CARGO_TARGET_DIR="$cache/rust" cargo build --quiet --locked)
	built rust $files
}
setup_go() {
	(cd "$here/go-clients" && again go build -o "$cache/bin/" ./cmd/...)
}
# apt <command>...: apt-get, which waits for who else installs something.
apt() {
	as=""
	[ "$(id -u)" = 0 ] || as=sudo
	$as env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}
# packages <name>...: what the lists of packages say may be too old.
packages() {
	apt install -y --no-install-recommends "$@" >/dev/null 2>&1 ||
		{ again apt update >/dev/null && again apt install -y --no-install-recommends "$@" >/dev/null; }
}
setup_kcat() {
	command -v kcat >/dev/null || packages kcat
}
setup_kerberos() {
	{ [ -x /usr/sbin/krb5kdc ] && [ -x /usr/sbin/kadmin.local ] && command -v kinit >/dev/null && ls /usr/lib/*/sasl2/libgssapiv2.so >/dev/null 2>&1; } ||
		packages krb5-kdc krb5-admin-server krb5-user libsasl2-modules-gssapi-mit
	# Without it clocks are not set apart, which the suite says.
	ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 || apt install -y --no-install-recommends libfaketime >/dev/null 2>&1 ||
		{ apt update && apt install -y --no-install-recommends libfaketime; } >/dev/null 2>&1 || echo "setup kerberos: no libfaketime"
}

# Prometheus and promtool are unpacked only: the package would start a service.
setup_prometheus() {
	[ -x "$cache/prometheus/usr/bin/promtool" ] && return
	rm -rf "$cache/prometheus.new" && mkdir "$cache/prometheus.new"
	(cd "$cache/prometheus.new" && { apt-get download -q prometheus >/dev/null 2>&1 || { again apt update >/dev/null && again apt-get download -q prometheus >/dev/null; } })
	dpkg-deb -x "$cache"/prometheus.new/prometheus_*.deb "$cache/prometheus.new"
	rm -rf "$cache/prometheus.new"/*.deb "$cache/prometheus"
	mv "$cache/prometheus.new" "$cache/prometheus"
}

[ $# -gt 0 ] || set -- kafka java python node go kcat rust
for part in "$@"; do
	began=$(date +%s)
	"setup_$part"
	echo "setup $part: ready ($(($(date +%s) - began)) s)"
done
