#!/bin/sh
# Tries what deploy/build.sh makes, as those do who get it.
#
#   deploy/check.sh -short    the image in a container runtime, the unit under systemd's verifier
#   deploy/check.sh           also the packages, the bill of materials, and the Helm chart against the schemas of Kubernetes
#
# Needed: root, for network namespaces and containers; Debian's packages runc and systemd (fetched if they are missing); Python 3 for the schemas.
set -eu
cd "$(dirname "$0")/.."
short=
[ "${1:-}" != -short ] || short=1
cache=${LEAT_INTEROP_CACHE:-.cache/interop}
HELM=helm.sh/helm/v3/cmd/helm@v3.22.0
work=$(mktemp -d)
DIST=$work/dist
mkdir "$DIST"
export DIST ARCHITECTURES=amd64 VERSION=0.0.1
[ "$(uname -m)" != aarch64 ] || ARCHITECTURES=arm64
net=leat-check-$$
pid=
clean() {
	[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
	runc --root "$work/runc" delete -f $net 2>/dev/null || true
	ip netns del $net-box 2>/dev/null || true
	ip netns del $net-out 2>/dev/null || true
	[ -n "${KEEP:-}" ] || rm -rf "$work"
}
trap clean EXIT
trap 'exit 1' INT TERM

fail() {
	echo "FAIL $*" >&2
	[ ! -s "$work/log" ] || tail -20 "$work/log" >&2
	exit 1
}
pass() { echo "ok   $*"; }
installed() {
	command -v "$1" >/dev/null && return
	apt-get install -y -q --no-install-recommends "$2" >/dev/null 2>&1 ||
		{ apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends "$2" >/dev/null; }
}

# until_true <seconds> <command>...
until_true() {
	left=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ $left -gt 0 ] || return 1
		sleep 0.1
	done
}

check_image() {
	installed runc runc
	deploy/build.sh image >"$work/log"
	size=$(stat -c %s "$DIST/leat-image.tar")
	[ "$size" -lt 20000000 ] || fail "the image has $size bytes"
	pass "image: $((size / 1000)) kB with its binary"
	mkdir -p "$work/image" "$work/bundle/rootfs"
	tar -xf "$DIST/leat-image.tar" -C "$work/image"
	python3 - "$work" <<-'PYTHON'
		import json, os, subprocess, sys
		dist = sys.argv[1]
		manifest = json.load(open(dist + "/image/manifest.json"))[0]
		for layer in manifest["Layers"]:
		    subprocess.run(["tar", "-xzf", f"{dist}/image/{layer}", "-C", dist + "/bundle/rootfs"], check=True)
		config = json.load(open(f"{dist}/image/{manifest['Config']}"))["config"]
		uid = 100000 + os.getpid()  # nobody whom the image knows
		mounts = [{"destination": "/proc", "type": "proc", "source": "proc"},
		          {"destination": "/var/lib/leat", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777", "size=256m"]}]
		spaces = [{"type": t} for t in ("pid", "mount", "ipc", "uts")] + [{"type": "network", "path": os.environ["BOX"]}]
		json.dump({"ociVersion": "1.0.2", "root": {"path": "rootfs", "readonly": True}, "hostname": "box", "mounts": mounts,
		           "process": {"user": {"uid": uid, "gid": uid}, "args": config["Entrypoint"] + config["Cmd"], "env": config["Env"], "cwd": config["WorkingDir"],
		                       "noNewPrivileges": True, "capabilities": {}},
		           "linux": {"namespaces": spaces, "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"]}},
		          open(dist + "/bundle/config.json", "w"))
	PYTHON
}

# Two namespaces: one for the container, one for clients.
make_networks() {
	ip netns add $net-box
	ip netns add $net-out
	ip link add v-box netns $net-box type veth peer name v-out netns $net-out
	ip -n $net-box addr add 10.77.0.2/24 dev v-box
	ip -n $net-out addr add 10.77.0.1/24 dev v-out
	for at in box out; do
		ip -n $net-$at link set lo up
		ip -n $net-$at link set v-$at up
	done
}
outside() { ip netns exec $net-out "$@"; }

check_container() {
	runc --root "$work/runc" run --bundle "$work/bundle" $net >"$work/log" 2>&1 &
	pid=$!
	until_true 30 outside curl -sf http://10.77.0.2:9644/readyz || fail "the container is not ready"
	pass "container: ready, as a random user with a root that is read-only, without capabilities"
	echo "hello from outside" | outside "$leat" produce greetings -b 10.77.0.2:9092 >/dev/null || fail "produce from another namespace"
	got=$(outside "$leat" consume greetings -b 10.77.0.2:9092 --num 1)
	[ "$got" = "hello from outside" ] || fail "a client in another network namespace read \"$got\""
	if command -v kcat >/dev/null; then
		got=$(outside kcat -C -q -b 10.77.0.2:9092 -t greetings -o beginning -e)
		[ "$got" = "hello from outside" ] || fail "kcat read \"$got\""
	fi
	pass "container: a client in another network namespace writes and reads without any address set"
	runc --root "$work/runc" kill $net TERM
	wait "$pid" || fail "the container ends with status $?"
	pid=
	pass "container: SIGTERM ends it in order, with status 0"
}

check_unit() {
	installed systemd-analyze systemd
	root=$work/root
	mkdir -p "$root/usr/bin" "$root/etc/systemd/system" "$root/bin"
	cp "$leat" "$root/usr/bin/leat"
	cp /bin/kill "$root/bin/kill" 2>/dev/null || cp /usr/bin/kill "$root/bin/kill"
	cp deploy/systemd/leat.service "$root/etc/systemd/system/"
	for unit in sysinit basic multi-user shutdown network-online network; do
		printf '[Unit]\nDescription=%s\n' $unit >"$root/etc/systemd/system/$unit.target"
	done
	said=$(systemd-analyze verify --root="$root" --man=no "$root/etc/systemd/system/leat.service" 2>&1 || true)
	[ -z "$(echo "$said" | grep leat.service || true)" ] || fail "systemd-analyze verify: $said"
	systemd-analyze security --offline=true --threshold=25 --root="$root" leat.service >"$work/log" 2>&1 || fail "systemd-analyze security: the unit is not closed enough"
	pass "systemd: the unit is valid; exposure $(sed -n 's/.*Overall exposure level for leat.service: \([0-9.]*\).*/\1/p' "$work/log")"
	check_supervised
}

# The service as systemd runs it, by the socket that it would listen on: it says when it is ready, takes a reload, and stops.
check_supervised() {
	python3 - "$leat" "$work" <<-'PYTHON' || fail "under a supervisor"
		import os, signal, socket, subprocess, sys
		leat, dist = sys.argv[1:]
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(dist + "/notify")
		s.settimeout(30)
		p = subprocess.Popen([leat, "server", "--set", "listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0", "--set", "leat.http.listener=",
		                      "--set", f"log.dirs={dist}/data"], env={**os.environ, "NOTIFY_SOCKET": dist + "/notify"}, stdout=subprocess.DEVNULL, stderr=open(dist + "/log", "w"))
		try:
		    assert b"READY=1" in s.recv(4096)
		    p.send_signal(signal.SIGHUP)
		    p.send_signal(signal.SIGTERM)
		    assert b"STOPPING=1" in s.recv(4096)
		    assert p.wait(30) == 0, p.returncode
		finally:
		    p.kill()
	PYTHON
	pass "systemd: the service tells READY=1 and STOPPING=1, outlives a reload, and ends with status 0"
}

check_packages() {
	deploy/build.sh packages sbom checksums >"$work/log" 2>&1 || fail "packages"
	deb=$(ls "$DIST"/*.deb)
	dpkg-deb --contents "$deb" >"$work/contents"
	for file in ./usr/bin/leat ./lib/systemd/system/leat.service ./etc/leat/server.properties ./usr/share/man/man1/leat.1 ./usr/share/bash-completion/completions/leat; do
		grep -q " $file\$" "$work/contents" || fail "$deb has no $file"
	done
	mkdir -p "$work/unpacked"
	dpkg-deb --extract "$deb" "$work/unpacked"
	"$work/unpacked/usr/bin/leat" version | grep -q "leat $VERSION" || fail "the packaged program says another version"
	"$work/unpacked/usr/bin/leat" server --config "$work/unpacked/etc/leat/server.properties" --set log.dirs=/proc/none >"$work/log" 2>&1 && fail "a directory that cannot be made was accepted"
	grep -q "wrong configuration" "$work/log" && fail "the packaged configuration"
	[ "$(head -c 4 "$DIST"/*.rpm | od -An -tx1 | tr -d ' \n')" = edabeedb ] || fail "the .rpm is none"
	pass "packages: $(wc -l <"$work/contents") files; deb $(($(stat -c %s "$deb") / 1000)) kB, rpm $(($(stat -c %s "$DIST"/*.rpm) / 1000)) kB"
	for bill in "$DIST"/*.cdx.json; do
		python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); assert d["bomFormat"] == "CycloneDX" and len(d["components"]) > 20' "$bill" || fail "$bill"
	done
	(cd "$DIST" && sha256sum --quiet -c SHA256SUMS) || fail "checksums"
	pass "bill of materials and checksums"
}

check_chart() {
	mkdir -p "$cache/bin"
	[ -x "$cache/bin/helm" ] || GOBIN=$(cd "$cache/bin" && pwd) go install $HELM
	helm=$cache/bin/helm
	"$helm" lint --strict deploy/helm/leat >"$work/log" 2>&1 || fail "helm lint"
	[ -x "$cache/kubernetes/bin/kubernetes-validate" ] || {
		python3 -m venv "$cache/kubernetes"
		"$cache/kubernetes/bin/pip" install --quiet kubernetes-validate==1.37.0
	}
	"$helm" template try deploy/helm/leat --kube-version 1.35.0 >"$work/default.yaml"
	"$helm" template try deploy/helm/leat --kube-version 1.35.0 --set replicas=1,rack.fromZone=true,storage.className=fast,podMonitor.enabled=true \
		--set 'listeners[0].name=TLS,listeners[0].port=9094,listeners[0].protocol=SSL' --set 'secrets[0].name=leat-tls,secrets[0].path=/etc/leat/tls' >"$work/full.yaml"
	for version in 1.30 1.34 1.37; do
		for file in default full; do
			"$cache/kubernetes/bin/kubernetes-validate" --strict --no-warn -k $version "$work/$file.yaml" >"$work/log" 2>&1 || fail "chart against Kubernetes $version"
		done
	done
	# What the chart configures is what a node takes.
	sed -n 's/^    \([a-z][a-z.]*=.*\)/\1/p' "$work/default.yaml" >"$work/chart.properties"
	timeout 5 "$leat" server --config "$work/chart.properties" --set node.id=0 --set log.dirs="$work/chart" \
		--set advertised.listeners=CLIENTS://try-leat-0:9092,CONTROLLER://try-leat-0:9093 >"$work/log" 2>&1 || true
	! grep -q "wrong configuration\|unknown" "$work/log" || fail "the chart's configuration"
	pass "chart: lint, and the schemas of Kubernetes 1.30, 1.34 and 1.37"
}

BOX=/run/netns/$net-box
export BOX
make_networks
check_image
leat=$DIST/leat-linux-$ARCHITECTURES
check_container
check_unit
[ -z "$short" ] || exit 0
check_packages
check_chart
