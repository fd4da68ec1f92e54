#!/bin/sh
# Runs every fuzz test of the module for a while, one after the other.
# Usage: scripts/fuzz.sh TIME   (for each test, as go test -fuzztime takes it: 20s, 5m)
# An interesting input is made shorter in few tries: with large seeds the default minute of it would leave no time for new ones.
set -eu
cd "$(dirname "$0")/.."
time=${1:-20s}
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# fuzz PACKAGE NAME: one test. Go before 1.27 may take the end of the time itself for a failure, with these words and without an input (Go issue 75804): then the
# test is made again, twice at most. Whatever found an input has written it down, and fails.
fuzz() {
	for try in 1 2 3; do
		printf '\n== %s  fuzzing %s %s for %s\n' "$(date +%T)" "$1" "$2" "$time"
		if go test "$1" -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 10x >"$said" 2>&1; then
			cat "$said"
			return
		fi
		cat "$said"
		if ! grep -A1 "^--- FAIL: $2 " "$said" | grep -qx ' *context deadline exceeded' || grep -q -e 'Failing input' -e panic "$said"; then
			return 1
		fi
	done
	return 1
}

grep -rn --include='*_test.go' --exclude-dir=node_modules '^func Fuzz[A-Z]' . | sed 's/^\(.*\)\/[^/]*:[0-9]*:func \(Fuzz[A-Za-z0-9_]*\).*/\1 \2/' | sort |
	while read -r package name; do
		fuzz "$package" "$name"
	done
