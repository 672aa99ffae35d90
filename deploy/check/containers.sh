# shellcheck shell=sh
# The image with Docker, Compose and Podman, by the commands of docs/how-to/install.md, in a Debian of its own (debian.sh).

# hold_image puts the image, leat as a client and the Compose file into the Debian that runs.
hold_image() {
	make_debian || return 1
	make_image
	boot_debian || return 1
	mkdir -p "$debian/srv/dist" "$debian/srv/deploy/compose"
	cp "$DIST/leat-image.tar" "$debian/srv/dist/"
	cp "$leat" "$debian/usr/local/bin/leat"
	cp deploy/compose/compose.yaml "$debian/srv/deploy/compose/"
}

# serves <address> <text>: a client on the machine that runs the containers writes and reads.
serves() {
	echo "$2" | inside leat produce greetings -b "$1" >"$work/log" 2>&1 && [ "$(inside leat consume greetings -b "$1" --tail 1 2>>"$work/log")" = "$2" ]
}

# runs <program>: what the page says for docker; podman takes the same words.
runs() {
	sed "s/docker/$1/" <<-'LINES' >"$work/lines"
		docker load -i dist/leat-image.tar
		docker run -d --name leat --read-only -p 9092:9092 -v leat-data:/var/lib/leat leat
	LINES
	page inside <"$work/lines"
	until_true 30 sh -c "nsenter -t $leader -m -n -p -- $1 logs leat 2>&1 | grep -q 'leat ready'" || fail "$1: it is not ready: $(inside "$1" logs leat 2>&1 | tail -5)"
	serves 127.0.0.1:9092 "by the published port" || fail "$1: by the published port"
	inside "$1" exec leat /usr/bin/leat cluster >"$work/log" 2>&1 || fail "$1 exec leat cluster"
	inside "$1" run --rm --network container:leat leat consume greetings --num 1 >"$work/said" 2>"$work/log" || fail "$1: a client in a container"
	grep -q "by the published port" "$work/said" || fail "$1: a client in a container reads $(cat "$work/said")"
	inside "$1" restart -t 60 leat >"$work/log" 2>&1 || fail "$1 restart"
	until_true 30 inside leat consume greetings -b 127.0.0.1:9092 --num 1 || fail "$1: nothing is read after a restart"
	inside "$1" stop -t 60 leat >"$work/log" 2>&1 || fail "$1 stop"
	[ "$(inside "$1" inspect -f '{{.State.ExitCode}}' leat)" = 0 ] || fail "$1: it ended with status $(inside "$1" inspect -f '{{.State.ExitCode}}' leat)"
	inside "$1" rm leat >/dev/null 2>&1
	# A newer container takes the volume over, as another user.
	inside "$1" run -d --name leat --read-only --user 12345:54321 --cap-drop ALL --security-opt no-new-privileges -p 9092:9092 leat >"$work/log" 2>&1 || fail "$1 run --user"
	until_true 30 sh -c "nsenter -t $leader -m -n -p -- $1 logs leat 2>&1 | grep -q 'leat ready'" || fail "$1: any user: $(inside "$1" logs leat 2>&1 | tail -5)"
	serves 127.0.0.1:9092 "as anybody" || fail "$1: as anybody"
	inside "$1" rm -f -v leat >/dev/null 2>&1
}

check_docker() {
	hold_image || return 0
	inside systemctl start docker >"$work/log" 2>&1 || { inside journalctl -u docker --no-pager >"$work/log"; fail "dockerd does not start"; }
	runs docker
	pass "docker $(inside docker version -f '{{.Server.Version}}'): load, run, clients by the published port and in a container, exec, restart, stop with status 0, any user"
	check_compose
	inside systemctl stop docker docker.socket containerd >/dev/null 2>&1 || true
}

# check_compose: three nodes, one of which is stopped.
check_compose() {
	compose="docker-compose -f /srv/deploy/compose/compose.yaml"
	# Debian has the older program, with a hyphen.
	sed 's/docker compose/docker-compose/' <<-'LINES' >"$work/lines"
		docker compose -f deploy/compose/compose.yaml up -d
	LINES
	page inside <"$work/lines"
	until_true 60 inside leat topic create orders -p 6 -r 3 -b 127.0.0.1:19092 || fail "docker-compose: $(inside $compose logs --tail 5 2>&1)"
	inside sh -c 'seq 100 | leat produce orders -b 127.0.0.1:29092' >"$work/log" 2>&1 || fail "docker-compose: produce at the second node"
	inside $compose stop -t 60 leat-2 >"$work/log" 2>&1 || fail "docker-compose stop"
	inside sh -c 'seq 101 200 | leat produce orders -b 127.0.0.1:19092' >"$work/log" 2>&1 || fail "docker-compose: produce without the second node"
	inside $compose start leat-2 >"$work/log" 2>&1 || fail "docker-compose start"
	until_true 60 inside curl -sf '127.0.0.1:29644/readyz?in-sync' || fail "docker-compose: the second node is not back in sync"
	[ "$(inside leat consume orders -b 127.0.0.1:39092 --num 200 | sort -n | uniq | wc -l)" = 200 ] || fail "docker-compose: not all 200 records are read"
	# A client in the network of the containers.
	network=$(inside docker network ls --format '{{.Name}}' | grep default)
	inside docker run --rm --network "$network" leat consume orders -b leat-1:9092 --num 200 2>"$work/log" | wc -l | grep -q '^200$' || fail "docker-compose: a client in its network"
	inside $compose down -v -t 60 >"$work/log" 2>&1 || fail "docker-compose down"
	pass "compose: three nodes; one is stopped and comes back in sync, clients outside and inside read everything"
}

check_podman() {
	hold_image || return 0
	# Podman bounds processes unless told otherwise, and cannot where that controller is not in cgroup2.
	inside grep -q pids /sys/fs/cgroup/cgroup.controllers || { mkdir -p "$debian/etc/containers" && printf '[containers]\npids_limit = 0\n' >"$debian/etc/containers/containers.conf"; }
	runs podman
	pass "podman $(inside podman version -f '{{.Client.Version}}'): the same"
}
