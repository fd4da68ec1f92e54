#!/bin/sh
# Runs every fuzz test of the module for a while, one after the other.
# Usage: scripts/fuzz.sh TIME   (for each test, as go test -fuzztime takes it: 20s, 5m)
# An interesting input is made shorter in few tries: with large seeds the default minute of it would leave no time for new ones.
set -eu
cd "$(dirname "$0")/.."
time=${1:-20s}

grep -rn --include='*_test.go' --exclude-dir=node_modules '^func Fuzz[A-Z]' . | sed 's/^\(.*\)\/[^/]*:[0-9]*:func \(Fuzz[A-Za-z0-9_]*\).*/\1 \2/' | sort |
	while read -r package name; do
		printf '\n== %s  fuzzing %s %s for %s\n' "$(date +%T)" "$package" "$name" "$time"
		go test "$package" -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 10x
	done
