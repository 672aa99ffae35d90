#!/bin/sh
# Builds what is handed out, into dist/ (or $DIST):
#
#   deploy/build.sh               everything
#   deploy/build.sh binaries      static binaries for linux and darwin, amd64 and arm64
#   deploy/build.sh image         the container image as a file: docker load -i dist/leat-image.tar
#   deploy/build.sh packages      .deb and .rpm
#   deploy/build.sh chart         the Helm chart as a file: helm install leat dist/leat-chart-VERSION.tgz
#   deploy/build.sh sbom          which modules each binary was built from
#   deploy/build.sh checksums     SHA256SUMS of all that is there
#
# VERSION names the version (without it, what git describe says). Needed: Go, and its module proxy for nfpm. The same commit gives the same bytes with the same Go, wherever
# and whenever it is built; the image holds this machine's certificates of authorities (AUTHORITIES names another file of them).
set -eu
cd "$(dirname "$0")/.."
DIST=${DIST:-dist}
VERSION=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo 0.0.0)}
case $VERSION in [0-9]*) ;; *) VERSION=0.0.0+$VERSION ;; esac
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export DIST VERSION SOURCE_DATE_EPOCH
umask 022
# Later ones need modules that not every proxy has.
NFPM=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
mkdir -p "$DIST"

# binary <system> <architecture>
binary() {
	CGO_ENABLED=0 GOOS=$1 GOARCH=$2 go build -trimpath -ldflags "-s -w -X leat/internal/cli.release=$VERSION" -o "$DIST/leat-$1-$2" ./cmd/leat
	echo "$DIST/leat-$1-$2"
}
do_binaries() {
	for target in ${TARGETS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64}; do
		binary "${target%/*}" "${target#*/}"
	done
}
# native builds the binary that runs here, which tells its own completions and pages.
native() {
	[ -x "$DIST/leat-$(go env GOOS)-$(go env GOARCH)" ] || binary "$(go env GOOS)" "$(go env GOARCH)" >/dev/null
	echo "$DIST/leat-$(go env GOOS)-$(go env GOARCH)"
}
# image <file> <architecture>...
image() {
	file=$1
	shift
	for architecture; do
		[ -x "$DIST/leat-linux-$architecture" ] || binary linux "$architecture"
		set -- "$@" -binary "$architecture=$DIST/leat-linux-$architecture"
		shift
	done
	go run ./deploy/image "$@" -version "$VERSION" -tag "leat:${TAG:-latest}" ${AUTHORITIES:+-authorities "$AUTHORITIES"} -output "$DIST/$file.tar"
	echo "$DIST/$file.tar"
}
# One file for all architectures, and one for each: a Docker that keeps no images in containerd takes the first one of a file, whatever machine it is.
do_image() {
	# shellcheck disable=SC2086
	image leat-image ${ARCHITECTURES:-amd64 arm64}
	for architecture in ${ARCHITECTURES:-amd64 arm64}; do
		image "leat-image-$architecture" "$architecture"
	done
}
do_man() {
	leat=$(native)
	mkdir -p "$DIST/man" "$DIST/completions"
	go run ./deploy/man "$DIST/man"
	"$leat" completion bash >"$DIST/completions/leat.bash"
	"$leat" completion zsh >"$DIST/completions/_leat"
	"$leat" completion fish >"$DIST/completions/leat.fish"
}
# stage <architecture> puts together what is packed, all of it as old as the commit.
stage() {
	rm -rf "$STAGE"
	mkdir -p "$STAGE"
	cp "$DIST/leat-linux-$1" "$STAGE/leat"
	cp -r "$DIST/man" "$STAGE/man"
	cp "$DIST/completions/leat.bash" "$DIST/completions/_leat" "$DIST/completions/leat.fish" deploy/systemd/leat.service deploy/package/server.properties deploy/package/leat.default LICENSE "$STAGE/"
	find "$STAGE" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}
do_packages() {
	do_man
	export STAGE="$DIST/stage"
	for ARCH in ${ARCHITECTURES:-amd64 arm64}; do
		export ARCH
		[ -x "$DIST/leat-linux-$ARCH" ] || binary linux "$ARCH"
		stage "$ARCH"
		for form in deb rpm; do
			go run $NFPM package --config deploy/package/nfpm.yaml --packager $form --target "$DIST"
		done
	done
	rm -rf "$STAGE"
}
# A chart is an archive of its directory; version and image are those of the release.
do_chart() {
	rm -rf "$DIST/chart"
	mkdir -p "$DIST/chart"
	cp -r deploy/helm/leat "$DIST/chart/leat"
	sed -i "s/^version: .*/version: $VERSION/; s/^appVersion: .*/appVersion: \"$VERSION\"/" "$DIST/chart/leat/Chart.yaml"
	tar -C "$DIST/chart" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --format=ustar -c leat | gzip -9n >"$DIST/leat-chart-$VERSION.tgz"
	rm -rf "$DIST/chart"
	echo "$DIST/leat-chart-$VERSION.tgz"
}
do_sbom() {
	for file in "$DIST"/leat-linux-* "$DIST"/leat-darwin-*; do
		case $file in *.json | *'*') continue ;; esac
		go run ./deploy/sbom -binary "$file" -version "$VERSION" -output "$file.cdx.json"
	done
}
do_checksums() {
	(cd "$DIST" && find . -maxdepth 1 -type f ! -name SHA256SUMS | LC_ALL=C sort | sed 's|^\./||' | xargs sha256sum >SHA256SUMS)
}

[ $# -gt 0 ] || set -- binaries image packages chart sbom checksums
for part in "$@"; do
	"do_$part"
done
