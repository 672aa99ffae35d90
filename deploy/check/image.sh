# shellcheck shell=sh
# The image, as a container runtime takes it: a random user, a root that is read-only, clients in another network.

check_image() {
	make_image
	size=$(stat -c %s "$DIST/leat-image.tar")
	[ "$size" -lt 20000000 ] || fail "the image has $size bytes"
	pass "image: $((size / 1000)) kB with its binary"
	BOX=/run/netns/$net-box
	export BOX
	make_networks
	make_bundle
	check_container
}
make_image() {
	[ ! -s "$DIST/leat-image.tar" ] || return 0
	deploy/build.sh image >"$work/log" 2>&1 || fail "image"
}
make_bundle() {
	installed runc runc
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
	until_true 120 outside curl -sf http://10.77.0.2:9644/readyz || fail "the container is not ready"
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
