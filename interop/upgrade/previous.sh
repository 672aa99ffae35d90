#!/bin/sh
# Builds the earlier build of leat that upgrades are tried with, unless that was done before, and prints where its program is.
# The commit stands in the file previous; LEAT_PREVIOUS names another one.
set -eu
cd "$(dirname "$0")/../.."
commit=${LEAT_PREVIOUS:-$(grep -v '^#' interop/upgrade/previous)}
folder=${LEAT_INTEROP_CACHE:-.cache/interop}/upgrade/$commit
mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9 # suites that run beside each other want the same one
if [ ! -x "$folder/leat" ]; then
	known() { git cat-file -e "$commit^{commit}" 2>/dev/null; }
	known || git fetch --quiet --unshallow >/dev/null 2>&1 || git fetch --quiet origin "$commit" >/dev/null 2>&1 || true
	if ! known; then
		# A checkout without history cannot be tried against its past. In a full clone the commit must be there.
		if [ "$(git rev-parse --is-shallow-repository 2>/dev/null || echo true)" = true ]; then
			echo "interop/upgrade: LEFT OUT: this checkout has no history, commit $commit is not in it and cannot be fetched" >&2
			exit 3
		fi
		echo "interop/upgrade: commit $commit is not in this clone: if it is shallow, run git fetch --unshallow; or set LEAT_PREVIOUS to one that is" >&2
		exit 1
	fi
	rm -rf "$folder/src"
	mkdir "$folder/src"
	git archive "$commit" | tar -x -C "$folder/src"
	(cd "$folder/src" && CGO_ENABLED=0 go build -trimpath -buildvcs=false -o ../leat.part ./cmd/leat) >&2
	rm -rf "$folder/src"
	mv "$folder/leat.part" "$folder/leat"
fi
echo "$folder/leat"
