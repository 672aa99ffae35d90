#!/bin/sh
# Checks the dashboards against the types that Grafana publishes: every field known, every value one that it may have. Needs npm.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${LEAT_INTEROP_CACHE:-$here/../../../.cache/interop}/grafana
mkdir -p "$work"
cp "$here/package.json" "$here/package-lock.json" "$here/shape.ts" "$work"
cd "$work"
cmp -s package-lock.json installed || {
	for pause in 2 5 10 0; do # registries are far away and sometimes busy
		npm ci --silent --no-audit --no-fund && break
		[ $pause != 0 ] || exit 1
		sleep $pause
	done
	cp package-lock.json installed
}
{
	echo "import type { Board } from './shape'"
	for board in "$here"/../*.json; do
		echo "export const $(basename "$board" .json | tr - _): Board ="
		cat "$board"
	done
} >boards.ts
node_modules/.bin/tsc --noEmit --strict --skipLibCheck --module esnext --moduleResolution bundler --target es2022 boards.ts
echo "dashboards  $(find "$here/.." -maxdepth 1 -name '*.json' | wc -l) are as Grafana's schema $(sed -n 's/.*"@grafana.schema": "\(.*\)".*/\1/p' package.json) has them"
