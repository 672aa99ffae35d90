# shellcheck shell=sh
# A Debian of our own, in which packages are installed for real, and a systemd that runs the unit.
#
# It is made once, by mmdebstrap, and kept in the cache; each check works on a copy that is thrown away (an overlay), in namespaces of its own. What runs in it ends
# with its first process.

suite=bookworm
contents=systemd,systemd-sysv,dbus,passwd,login,ca-certificates,bash-completion,procps,curl,iproute2,util-linux,rpm,dnf,createrepo-c,zsh,fish
contents=$contents,docker.io,docker-compose,podman,iptables,uidmap,slirp4netns,fuse-overlayfs,golang-github-containernetworking-plugin-dnsname
debian=
leader=
group=

# make_debian mounts a copy at $debian; false if there can be none.
make_debian() {
	[ -z "$debian" ] || return 0
	base=$cache/debian
	if [ "$(cat "$base/.holds" 2>/dev/null)" != "$suite $contents" ]; then
		installed mmdebstrap mmdebstrap || { skip "debian: mmdebstrap cannot be installed" && return 1; }
		rm -rf "$base"
		mmdebstrap --variant=minbase --include="$contents" --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Install-Recommends "false"' \
			$suite "$base" >"$work/log" 2>&1 || { tail -5 "$work/log" && skip "debian: no $suite from the archive" && return 1; }
		echo "$suite $contents" >"$base/.holds"
	fi
	mkdir -p "$work/debian" "$work/upper" "$work/overlay"
	mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/overlay" "$work/debian"
	debian=$work/debian
	rm -f "$debian/etc/resolv.conf"
	echo leat-check >"$debian/etc/hostname"
	mkdir -p "$debian/srv/dist"
}

# boot_debian starts its systemd, in a control group of its own.
boot_debian() {
	[ -z "$leader" ] || return 0
	group=/sys/fs/cgroup
	[ -f $group/cgroup.controllers ] || group=/sys/fs/cgroup/unified
	[ -f $group/cgroup.controllers ] || { skip "systemd: no cgroup2 is mounted" && return 1; }
	group=$group/leat-check-$$
	mkdir "$group"
	# What Docker and Podman keep cannot lie on an overlay.
	for dir in docker containers; do
		mkdir -p "$work/$dir" "$debian/var/lib/$dir"
		mount --bind "$work/$dir" "$debian/var/lib/$dir"
	done
	sh -c 'echo $$ >"$1/cgroup.procs" && exec unshare --pid --fork --kill-child --mount --uts --ipc --net --cgroup "$2" "$3"' sh "$group" "$PWD/deploy/check/boot.sh" "$debian" >"$work/boot.log" 2>&1 &
	booted=$!
	until_true 10 pgrep -P $booted || fail "systemd: it does not start: $(cat "$work/boot.log")"
	leader=$(pgrep -P $booted)
	until_true 60 started || fail "systemd: it is $(inside systemctl is-system-running): $(cat "$work/boot.log")"
}
started() { inside systemctl is-system-running | grep -qE 'running|degraded'; }

# inside <command>...: in the Debian that was booted.
inside() {
	nsenter -t "$leader" --mount --uts --ipc --net --pid --cgroup -- env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LC_ALL=C.UTF-8 "$@"
}
# below <command>...: in its directory, when nothing of it runs.
below() {
	unshare --pid --fork --kill-child --mount --uts --ipc --net sh -c 'root=$1 && shift && mount -t proc proc "$root/proc" && mount -t tmpfs tmpfs "$root/run" && exec chroot "$root" "$@"' sh "$debian" \
		env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}
leave_debian() {
	[ -z "$leader" ] || kill -9 "$leader" 2>/dev/null || true
	[ -z "$leader" ] || wait "$booted" 2>/dev/null || true
	leader=
	[ -z "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
	for dir in docker containers; do
		umount "$debian/var/lib/$dir" 2>/dev/null || true
	done
	[ -z "$debian" ] || umount -l "$debian" 2>/dev/null || true
	debian=
}

# The packages as apt and rpm install, upgrade and remove them: what an operator changed is kept, and data is never deleted.
check_debian() {
	make_debian || return 0
	make_packages
	(VERSION=1.0.1 DIST=$work/later && export VERSION DIST && mkdir -p "$DIST" && deploy/build.sh packages >"$work/log" 2>&1) || fail "packages of a later version"
	deploy/build.sh checksums
	cp "$leat" "$DIST"/*.deb "$DIST"/*.rpm "$DIST/SHA256SUMS" "$work/later"/*.deb "$work/later"/*.rpm "$debian/srv/dist/"
	page below <<-'LINES'
		(cd dist && sha256sum -c --ignore-missing SHA256SUMS)
		install -m 755 dist/leat-linux-amd64 /usr/local/bin/leat
		leat version
	LINES
	below rm /usr/local/bin/leat
	page below <<-'LINES'
		apt install ./dist/leat_1.0.0_amd64.deb
	LINES
	below leat version | grep -q "leat 1.0.0" || fail "what apt installed says another version"
	[ "$(below stat -c '%U:%G %a' /etc/leat/server.properties)" = "root:leat 640" ] || fail "owner of the configuration: $(below stat -c '%U:%G %a' /etc/leat/server.properties)"
	below getent passwd leat | grep -q "/var/lib/leat:/usr/sbin/nologin" || fail "the user of the service"
	[ -z "$(below dpkg --verify leat)" ] || fail "dpkg --verify: $(below dpkg --verify leat)"
	below dpkg -s leat | grep -q "^Status: install ok installed" || fail "dpkg -s"
	pass "deb: apt installs it; user, owners and files are right"
	check_completions
	check_upgrade
	check_rpm
	check_dnf
}

# check_completions: words are completed by the shells for which the package has files.
check_completions() {
	below bash --norc -s <deploy/check/complete.bash >"$work/log" 2>&1 || fail "completion of bash"
	cp deploy/check/complete.zsh deploy/check/complete.fish "$debian/srv/"
	below sh -c 'mkdir -p /dev/pts && mount -t devpts -o newinstance,ptmxmode=666 devpts /dev/pts && ln -sf pts/ptmx /dev/ptmx && exec timeout 60 zsh -f /srv/complete.zsh' >"$work/log" 2>&1 || fail "completion of zsh"
	below timeout 60 fish /srv/complete.fish >"$work/log" 2>&1 || fail "completion of fish"
	pass "completion: bash, zsh and fish complete commands, flags and values"
}

# check_upgrade: with a configuration that was changed, and data.
check_upgrade() {
	below sh -c 'echo "num.partitions=7" >>/etc/leat/server.properties && mkdir -p /var/lib/leat/data && echo record >/var/lib/leat/data/log && chown -R leat:leat /var/lib/leat'
	page below <<-'LINES'
		apt install ./dist/leat_1.0.1_amd64.deb
	LINES
	below leat version | grep -q "leat 1.0.1" || fail "the upgrade has not changed the program"
	below grep -q "num.partitions=7" /etc/leat/server.properties || fail "the upgrade has overwritten the configuration"
	below grep -q record /var/lib/leat/data/log || fail "the upgrade has touched data"
	page below <<-'LINES'
		apt remove -y leat
	LINES
	below test ! -e /usr/bin/leat || fail "apt remove leaves the program"
	below grep -q "num.partitions=7" /etc/leat/server.properties || fail "apt remove deletes the configuration"
	below apt-get install -y "/srv/dist/leat_1.0.0_$ARCHITECTURES.deb" >"$work/log" 2>&1 || fail "apt install again"
	below grep -q "num.partitions=7" /etc/leat/server.properties || fail "apt install has overwritten what a removal left"
	page below <<-'LINES'
		apt purge -y leat
	LINES
	grep -q "data is left in /var/lib/leat" "$work/log" || fail "apt purge does not say that data is left"
	below test ! -e /etc/leat/server.properties || fail "apt purge leaves the configuration"
	below grep -q record /var/lib/leat/data/log || fail "apt purge deletes data"
	pass "deb: an upgrade and a removal keep configuration and data, a purge keeps data and says so"
	below rm -rf /var/lib/leat
}

# check_rpm: by rpm, with a database of its own. Names of packages that others provide on systems with RPM are not there, so dependencies are only looked at.
check_rpm() {
	first=/srv/dist/$(basename "$DIST"/*.rpm)
	later=/srv/dist/$(basename "$work"/later/*.rpm)
	below rpm -K --nosignature "$first" >"$work/log" 2>&1 || fail "rpm -K"
	[ "$(below rpm -qp --requires "$first" | grep -v '^rpmlib\|^/bin/sh' | tr '\n' ' ')" = "shadow-utils " ] || fail "the .rpm requires $(below rpm -qp --requires "$first")"
	below userdel leat
	below rpm -i --nodeps "$first" >"$work/log" 2>&1 || fail "rpm -i"
	below leat version | grep -q "leat 1.0.0" || fail "what rpm installed says another version"
	[ -z "$(below rpm -V --nodeps leat)" ] || fail "rpm -V: $(below rpm -V --nodeps leat)"
	[ "$(below stat -c '%U:%G %a' /etc/leat/server.properties)" = "root:leat 640" ] || fail "rpm: owner of the configuration"
	below test -f /usr/lib/systemd/system/leat.service || fail "rpm: no unit"
	below sh -c 'echo "num.partitions=7" >>/etc/leat/server.properties && mkdir -p /var/lib/leat && echo record >/var/lib/leat/log'
	below rpm -U --nodeps "$later" >"$work/log" 2>&1 || fail "rpm -U"
	below leat version | grep -q "leat 1.0.1" || fail "rpm -U has not changed the program"
	below grep -q "num.partitions=7" /etc/leat/server.properties || fail "rpm -U has overwritten the configuration"
	below rpm -e leat >"$work/log" 2>&1 || fail "rpm -e"
	below test ! -e /usr/bin/leat || fail "rpm -e leaves the program"
	below grep -q "num.partitions=7" /etc/leat/server.properties.rpmsave || fail "rpm -e has not kept the configuration"
	below grep -q record /var/lib/leat/log || fail "rpm -e deletes data"
	pass "rpm: installed, verified, upgraded and removed; configuration and data are kept"
	below rm -rf /var/lib/leat /etc/leat
	below userdel leat 2>/dev/null || true
}

# check_dnf: by dnf, from a repository of our own. What the package requires of other systems is a package there with nothing in it.
check_dnf() {
	nfpm=$(sed -n 's/^NFPM=//p' deploy/build.sh)
	printf 'name: shadow-utils\narch: all\nversion: 4.0.0\nmaintainer: nobody <nobody@localhost>\ndescription: stands for it\n' >"$work/shadow-utils.yaml"
	mkdir -p "$debian/srv/repository" "$debian/etc/dnf" "$debian/etc/yum.repos.d"
	go run "$nfpm" package --config "$work/shadow-utils.yaml" --packager rpm --target "$debian/srv/repository" >"$work/log" 2>&1 || fail "a package that stands for shadow-utils"
	printf '[main]\nassumeyes=1\n' >"$debian/etc/dnf/dnf.conf"
	! below dnf install "/srv/dist/$(basename "$DIST"/*.rpm)" >"$work/log" 2>&1 || fail "dnf installs it without what it requires"
	grep -q "nothing provides shadow-utils" "$work/log" || fail "dnf does not say that shadow-utils is missing"
	below createrepo_c -q /srv/repository >"$work/log" 2>&1 || fail "createrepo_c"
	printf '[leat]\nname=leat\nbaseurl=file:///srv/repository\ngpgcheck=0\nmetadata_expire=0\n' >"$debian/etc/yum.repos.d/leat.repo"
	page below <<-'LINES'
		dnf install ./dist/leat-1.0.0-1.x86_64.rpm
	LINES
	below leat version | grep -q "leat 1.0.0" || fail "what dnf installed says another version"
	below rpm -q shadow-utils >"$work/log" 2>&1 || fail "dnf has not installed what the package requires"
	[ "$(below stat -c '%U:%G %a' /etc/leat/server.properties)" = "root:leat 640" ] || fail "dnf: owner of the configuration"
	below sh -c 'echo "num.partitions=7" >>/etc/leat/server.properties && mkdir -p /var/lib/leat && echo record >/var/lib/leat/log'
	cp "$work/later"/*.rpm "$debian/srv/repository/"
	below createrepo_c -q /srv/repository >"$work/log" 2>&1 || fail "createrepo_c of the later version"
	page below <<-'LINES'
		dnf upgrade leat
	LINES
	below leat version | grep -q "leat 1.0.1" || fail "dnf upgrade has not changed the program"
	below grep -q "num.partitions=7" /etc/leat/server.properties || fail "dnf upgrade has overwritten the configuration"
	page below <<-'LINES'
		dnf remove leat
	LINES
	below test ! -e /usr/bin/leat || fail "dnf remove leaves the program"
	below grep -q "num.partitions=7" /etc/leat/server.properties.rpmsave || fail "dnf remove has not kept the configuration"
	below grep -q record /var/lib/leat/log || fail "dnf remove deletes data"
	pass "dnf: installed with what it requires, upgraded from a repository and removed; configuration and data are kept"
	below rm -rf /var/lib/leat /etc/leat /srv/repository /etc/yum.repos.d/leat.repo
	below userdel leat 2>/dev/null || true
}

# The unit under a real systemd: ready, reload, its sandbox, a crash, and the end.
check_systemd() {
	make_debian || return 0
	make_packages
	cp "$DIST"/*.deb "$debian/srv/dist/"
	boot_debian || return 0
	page inside <<-'LINES'
		apt install ./dist/leat_1.0.0_amd64.deb
		leat tune --log-dirs /var/lib/leat
		systemctl enable --now leat
	LINES
	# Type=notify: it serves when the command returns.
	echo "hello" | inside leat produce greetings >"$work/log" 2>&1 || fail "the service does not serve at once"
	[ "$(inside leat consume greetings --num 1)" = hello ] || fail "consume"
	[ "$(unit Type)" = notify ] || fail "the unit is $(unit Type)"
	inside journalctl -u leat --no-pager | grep -q "leat ready" || fail "the journal has no ready line"
	pass "systemd $(inside systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p'): enabled and started; it serves when systemctl returns"
	check_sandbox
	check_life
}
unit() { inside systemctl show -p "$1" --value leat.service; }

# What the options have done to the process, seen at the process.
check_sandbox() {
	main=$(unit MainPID)
	status=$(inside cat "/proc/$main/status")
	for line in "NoNewPrivs: 1" "Seccomp: 2" "CapEff: 0000000000000000" "CapBnd: 0000000000000000" "Uid: $(inside id -u leat)"; do
		echo "$status" | tr '\t' ' ' | grep -q "^$line" || fail "the process has not $line: $status"
	done
	# A look from where it stands: its mounts, as its user.
	id=$(inside id -u leat) group_id=$(inside id -g leat)
	seen() { inside nsenter -t "$main" --mount -- setpriv --reuid "$id" --regid "$group_id" --clear-groups "$@"; }
	seen cat /etc/hostname >/dev/null || fail "what the service sees cannot be looked at"
	homes=/home
	inside sh -c 'mkdir -p "$1/somebody" && echo x >"$1/somebody/x" && chmod 777 "$1/somebody" /srv /usr /etc' sh $homes
	! seen sh -c 'echo x >/usr/x' 2>/dev/null || fail "/usr can be written to"
	! seen sh -c 'echo x >/etc/x' 2>/dev/null || fail "/etc can be written to"
	! seen sh -c 'echo x >/srv/x' 2>/dev/null || fail "/srv can be written to"
	! seen cat $homes/somebody/x 2>/dev/null || fail "homes can be read"
	[ -z "$(seen sh -c 'ls /dev/fuse /dev/kmsg 2>/dev/null')" ] || fail "devices are there"
	[ -z "$(seen sh -c 'ls -A /tmp')" ] || fail "/tmp is not its own"
	[ "$(seen sh -c 'ls -d /proc/[0-9]* | wc -l')" -lt "$(inside sh -c 'ls -d /proc/[0-9]* | wc -l')" ] || fail "processes of others are seen"
	seen sh -c 'echo x >/var/lib/leat/x && rm /var/lib/leat/x' || fail "its own directory cannot be written to"
	inside chmod 755 /usr /etc /srv
	[ "$(inside stat -c '%U %a' /var/lib/leat)" = "leat 750" ] || fail "the data directory is $(inside stat -c '%U %a' /var/lib/leat)"
	pass "systemd: the sandbox holds: no capabilities, no new privileges, system calls filtered; only its own directory can be written, no homes, devices or processes of others"
}

# check_life: reload, crash and stop.
check_life() {
	main=$(unit MainPID)
	page inside <<-'LINES'
		systemctl reload leat
	LINES
	until_true 10 sh -c "nsenter -t $leader -m -p -- journalctl -u leat --no-pager | grep -qi 'read again\|reload'" || fail "the journal says nothing of a reload"
	[ "$(unit MainPID)" = "$main" ] || fail "a reload has restarted it"
	inside kill -9 "$main"
	until_true 30 sh -c "[ \"\$(nsenter -t $leader -m -p -- systemctl show -p NRestarts --value leat)\" = 1 ]" || fail "it is not restarted after a crash"
	until_true 30 inside systemctl is-active leat || fail "it is not active after a crash"
	[ "$(inside leat consume greetings --num 1)" = hello ] || fail "after a crash"
	page inside <<-'LINES'
		systemctl restart leat
	LINES
	check_tune
	inside systemctl stop leat || fail "systemctl stop"
	[ "$(unit Result) $(unit ExecMainStatus)" = "success 0" ] || fail "it stopped with $(unit Result), status $(unit ExecMainStatus)"
	inside apt-get purge -y leat >"$work/log" 2>&1 || fail "apt purge while systemd runs"
	! inside systemctl cat leat >/dev/null 2>&1 || fail "the unit is known after a purge"
	pass "systemd: reload in place, a restart after kill -9, a stop with status 0, a purge while it runs"
}

# check_tune: as the user of the service and in its place, in a group of little memory, and with little else.
check_tune() {
	inside systemd-run --quiet --pipe --wait -p User=leat -p PrivateTmp=yes -p ProtectSystem=strict -p LimitNOFILE=1000 \
		leat tune --log-dirs /var/lib/leat,/proc,/run -o json >"$work/tune" 2>"$work/log" || fail "leat tune as the user of the service"
	python3 - "$work/tune" <<-'PYTHON' || fail "leat tune: $(cat "$work/tune")"
		import json, sys
		found = {f["check"]: f for f in json.load(open(sys.argv[1]))}
		assert found["open files"]["found"] == "1000" and not found["open files"]["fine"], "open files"
		assert not found["file system of /proc"]["fine"] and not found["file system of /run"]["fine"], "file systems"
		assert "file system of /var/lib/leat" in found and "free space of /var/lib/leat" in found, "its own directory"
		assert all(f["fine"] or f["change"] and f["why"] for f in found.values()), "a finding without a word"
	PYTHON
	pass "tune: as the user of the service it names few files and file systems that keep nothing"
}
