# shellcheck shell=sh
# The packages, what else is released, and whether two builds are the same.

check_packages() {
	make_packages
	deploy/build.sh chart sbom checksums >"$work/log" 2>&1 || fail "chart, sbom, checksums"
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
	pass "bill of materials and checksums: $(wc -l <"$DIST/SHA256SUMS") files"
	check_pages
}
make_packages() {
	[ ! -s "$DIST/leat_${VERSION}_$ARCHITECTURES.deb" ] || return 0
	deploy/build.sh packages >"$work/log" 2>&1 || fail "packages"
}

# Pages are rendered without a warning, and none has a line of the source in it.
check_pages() {
	installed man man-db
	installed groff groff-base
	count=0
	for page in "$work"/unpacked/usr/share/man/man1/*.1; do
		LC_ALL=C.UTF-8 MANWIDTH=100 man --warnings -l "$page" >"$work/page" 2>"$work/log" || fail "man -l $page"
		[ ! -s "$work/log" ] || fail "man -l $page: warnings"
		grep -q NAME "$work/page" || fail "$page has no NAME"
		! grep -qE '^\.[A-Z]{2}' "$work/page" || fail "$page shows its source"
		count=$((count + 1))
	done
	pass "manual: $count pages, rendered without a warning"
}

# Two builds from two copies of the sources: another directory, another umask, another zone and order of words, and with COLD set nothing compiled before.
check_reproducible() {
	for at in one two/and/deeper; do
		mkdir -p "$work/$at/leat"
		cp -r .git "$work/$at/leat/.git"
	done
	git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -T - -cf "$work/sources.tar" 2>/dev/null || true
	for at in one two/and/deeper; do
		tar -xf "$work/sources.tar" -C "$work/$at/leat"
	done
	(cd "$work/one/leat" && DIST=$work/one/dist deploy/build.sh) >"$work/log" 2>&1 || fail "the first build"
	(
		umask 077
		cd "$work/two/and/deeper/leat"
		find . -name .git -prune -o -type f -exec touch -d 2001-02-03 {} +
		[ -z "${COLD:-}" ] || export GOCACHE="$work/two/cache"
		DIST=$work/two/dist TZ=Asia/Tokyo LC_ALL=C.UTF-8 deploy/build.sh
	) >"$work/log" 2>&1 || fail "the second build"
	diff "$work/one/dist/SHA256SUMS" "$work/two/dist/SHA256SUMS" >"$work/log" || fail "two builds differ"
	pass "two builds in two places give the same bytes: $(wc -l <"$work/one/dist/SHA256SUMS") files${COLD:+, the second without a cache}"
}
