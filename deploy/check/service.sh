# shellcheck shell=sh
# The unit under systemd's verifier, and the program under something that listens as systemd does. debian.sh has the real one.

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
		s.settimeout(120)
		p = subprocess.Popen([leat, "server", "--set", "listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0", "--set", "leat.http.listener=",
		                      "--set", f"log.dirs={dist}/data"], env={**os.environ, "NOTIFY_SOCKET": dist + "/notify"}, stdout=subprocess.DEVNULL, stderr=open(dist + "/log", "w"))
		try:
		    assert b"READY=1" in s.recv(4096)
		    p.send_signal(signal.SIGHUP)
		    p.send_signal(signal.SIGTERM)
		    assert b"STOPPING=1" in s.recv(4096)
		    assert p.wait(120) == 0, p.returncode
		finally:
		    p.kill()
	PYTHON
	pass "systemd: the service tells READY=1 and STOPPING=1, outlives a reload, and ends with status 0"
}
