#!/bin/sh
# Bundles the browser assets into web/static/dist, which the program embeds.
# Usage: scripts/assets.sh   (from anywhere; does nothing when the bundles are newer than their sources)
set -eu
cd "$(dirname "$0")/.."

src=web/static/src
dist=web/static/dist

if [ ! -d node_modules/bootstrap ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
	command -v npm >/dev/null || { echo "assets: npm is missing (Debian: apt-get install npm; Node 20 or later)" >&2; exit 1; }
	echo "assets: installing browser packages (npm ci)" >&2
	npm ci --no-progress --loglevel=error
	touch node_modules/.package-lock.json
fi

if [ -f "$dist/app.js" ] && [ -f "$dist/app.css" ] &&
	[ -z "$(find "$src" package-lock.json scripts/assets.sh -newer "$dist/app.css")" ]; then
	exit 0
fi

echo "assets: bundling $dist/app.js and app.css" >&2
mkdir -p "$dist"
go tool esbuild "$src/app.js" "$src/app.css" --bundle --minify --target=es2022 --format=esm \
	--charset=utf8 --legal-comments=eof --log-level=warning --outdir="$dist"
touch "$dist/app.css"
