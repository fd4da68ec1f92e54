#!/bin/sh
# Installs what a command needs and the machine lacks, or says in one message what that is.
# Usage: scripts/need.sh pg | cc | chromium | poppler | qpdf | certutil | openssl | faketime ...
# Installs with apt-get when run as root, or when sudo needs no password; NEED_INSTALL=no only looks.
set -eu

say() { echo "need: $*" >&2; }

# The server's programs stand outside PATH on Debian. Version 15 or newer, as internal/postgres wants it.
has_pg() {
	for postgres in $(command -v postgres || true) /usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres; do
		[ -x "$postgres" ] && [ -x "$(dirname "$postgres")/initdb" ] || continue
		major=$("$postgres" --version | sed -n 's/.*(PostgreSQL) \([0-9]*\).*/\1/p')
		[ "${major:-0}" -ge 15 ] && return 0
	done
	return 1
}

# The number before the first point: 20 of v20.11.1; 0 of nothing.
major() { expr "$1" : '[^0-9]*\([0-9]*\)' '|' 0; }

# Go 1.26 or newer. An older one may fetch the right one by itself; with GOTOOLCHAIN=local it does not.
has_go() {
	command -v go >/dev/null || return 1
	version=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null)
	[ "$(major "$version")" -gt 1 ] || [ "$(major "${version#go1.}")" -ge 26 ]
}

has() {
	case $1 in
	pg) has_pg ;;
	cc) command -v gcc >/dev/null || command -v cc >/dev/null ;;
	chromium) command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ;;
	poppler) command -v pdftotext >/dev/null && command -v pdftoppm >/dev/null ;;
	qpdf) command -v qpdf >/dev/null ;;
	certutil) command -v certutil >/dev/null ;;
	openssl) command -v openssl >/dev/null ;;
	faketime) ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 ;;
	go) has_go ;;
	node) command -v npm >/dev/null && [ "$(major "$(node --version 2>/dev/null)")" -ge 20 ] ;;
	*) say "unknown need: $1"; exit 2 ;;
	esac
}

# What a person reads, and the Debian packages ("-" where Debian's are too old to help).
words() {
	case $1 in
	pg) echo "PostgreSQL server, version 15 or newer" ;;
	cc) echo "a C compiler (the race detector needs it)" ;;
	chromium) echo "the browser Chromium" ;;
	poppler) echo "poppler-utils (pdftotext, pdftoppm)" ;;
	qpdf) echo "qpdf" ;;
	openssl) echo "openssl (it checks the signatures of documents)" ;;
	faketime) echo "libfaketime (a database under another clock)" ;;
	certutil) echo "certutil (the browser test of TLS imports an authority with it)" ;;
	go) echo "Go 1.26 or newer, from https://go.dev/dl/" ;;
	node) echo "Node.js 20 or newer with npm, from https://nodejs.org/" ;;
	esac
}
packages() {
	case $1 in
	pg) echo postgresql ;;
	cc) echo gcc libc6-dev ;;
	chromium) echo chromium fonts-dejavu-core ;;
	poppler) echo poppler-utils ;;
	qpdf) echo qpdf ;;
	openssl) echo openssl ;;
	faketime) echo faketime ;;
	certutil) echo libnss3-tools ;;
	*) echo - ;;
	esac
}

missing=
for need in go node "$@"; do has "$need" || missing="$missing $need"; done
[ -z "$missing" ] && exit 0

install=
hopeless=
for need in $missing; do
	if [ "$(packages "$need")" = - ]; then hopeless=yes; else install="$install $(packages "$need")"; fi
done

as_root=
if [ "$(id -u)" -ne 0 ]; then
	if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root="sudo -n"; else hopeless=yes; fi
fi
command -v apt-get >/dev/null || hopeless=yes
[ "${NEED_INSTALL:-yes}" = no ] && hopeless=yes

if [ -n "$hopeless" ]; then
	{
		echo "This machine lacks:"
		for need in $missing; do echo "  - $(words "$need")"; done
		[ -n "$install" ] && echo "On Debian 12, as root:  apt-get install --no-install-recommends$install"
		echo "Then run the same command again."
	} >&2
	exit 1
fi

apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >&2; }
known() { apt-cache show "$@" >/dev/null 2>&1; }
# Lists that are too old name packages that are gone: then they are fetched anew, once.
get() {
	apt install "$@" && return
	say "trying again with new package lists"
	apt update
	apt install "$@"
}

# shellcheck disable=SC2086 # package names are words
if ! known $install; then
	say "fetching the package lists"
	apt update
fi

# Debian's postgresql package makes and starts a database cluster of its own, which nobody here wants: ebr runs a private one.
# Its switch is off while the package is installed and then as it was.
switch=/etc/postgresql-common/createcluster.conf
case " $install " in *" postgresql "*)
	say "installing postgresql-common"
	get postgresql-common
	if $as_root test -f $switch; then
		$as_root cp -p $switch $switch.ebr
		trap '$as_root mv -f $switch.ebr $switch' EXIT
	fi
	echo "create_main_cluster = false" | $as_root tee -a $switch >/dev/null
	;;
esac

say "installing$install"
# shellcheck disable=SC2086
get $install
for need in $missing; do has "$need" || { say "$(words "$need") is still missing after installing$install"; exit 1; }; done
