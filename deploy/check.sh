#!/bin/sh
# Tries what deploy/build.sh makes, as those do who get it.
#
#   deploy/check.sh -short      the image in a container runtime, the unit under systemd's verifier
#   deploy/check.sh             everything
#   deploy/check.sh PART...     only these: image unit packages reproducible chart rollout debian systemd docker podman
#
# LEAT_CHECK_DIST names a directory with what was built before. Needed: root, for network namespaces and containers; Debian's packages runc and systemd (fetched if
# they are missing); Python 3 for the schemas. A Debian of its own, with systemd, Docker, Podman, rpm, dnf, zsh and fish in it, is made once by mmdebstrap and kept in the cache: the
# machine itself gets no daemon.
set -eu
cd "$(dirname "$0")/.."
case ${1:-} in
-short) parts="image unit" && shift ;;
-*) echo "usage: deploy/check.sh [-short] [PART...]" >&2 && exit 2 ;;
*) parts=${*:-image unit packages reproducible chart rollout debian systemd docker podman} ;;
esac
mkdir -p "${LEAT_INTEROP_CACHE:-.cache/interop}"
cache=$(cd "${LEAT_INTEROP_CACHE:-.cache/interop}" && pwd)
work=$(mktemp -d)
DIST=${LEAT_CHECK_DIST:-$work/dist}
mkdir -p "$DIST"
export DIST ARCHITECTURES=amd64 VERSION=1.0.0
[ "$(uname -m)" != aarch64 ] || ARCHITECTURES=arm64
TARGETS=linux/$ARCHITECTURES
export TARGETS
leat=$DIST/leat-linux-$ARCHITECTURES
net=leat-check-$$
pid=
clean() {
	[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
	runc --root "$work/runc" delete -f $net 2>/dev/null || true
	ip netns del $net-box 2>/dev/null || true
	ip netns del $net-out 2>/dev/null || true
	leave_debian
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
skip() { echo "SKIP $*"; }
installed() {
	command -v "$1" >/dev/null && return
	apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 "$2" >/dev/null 2>&1 && return
	for _ in 1 2 3; do # mirrors are far away and sometimes busy
		apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 "$2" >/dev/null && return
		sleep 5
	done
	fail "$2 cannot be installed"
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

# page <where>: runs lines of docs/how-to/install.md, which come on standard input, in /srv of a Debian.
page() {
	lines=$(sed "s/amd64/$ARCHITECTURES/g; s/x86_64/$(uname -m)/g")
	"$1" sh -exc "cd /srv
$lines" >"$work/log" 2>&1 || fail "$lines"
}

for file in image service packages chart debian containers; do
	. "deploy/check/$file.sh"
done
# Built once, whatever is tried.
[ -x "$leat" ] || deploy/build.sh binaries >"$work/log" 2>&1 || fail "binaries"
for part in $parts; do
	began=$(date +%s)
	"check_$part"
	echo "     $part took $(($(date +%s) - began)) s"
done
