#!/bin/sh
# Builds the HashiCorp Vault of the tests from its Go module (internal/vaultpeer) and prints where it is: 4 minutes at first, nothing afterwards.
# Usage: scripts/vaultpeer.sh
set -eu
cd "$(dirname "$0")/../internal/vaultpeer"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/veribatch
peer=$cache/vaultpeer-$(cat main.go go.mod go.sum | sha256sum | cut -c1-16)
if [ ! -x "$peer" ]; then
	echo "vaultpeer: building Vault for the tests (some minutes, once)" >&2
	mkdir -p "$cache"
	made=$(mktemp "$cache/.vaultpeer.XXXXXX")
	trap 'rm -f "$made"' EXIT
	go build -mod=readonly -o "$made" .
	chmod 0755 "$made"
	mv "$made" "$peer"
fi
echo "$peer"
