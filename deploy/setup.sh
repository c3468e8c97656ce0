#!/bin/sh
# Installs what a build or a test needs and this machine lacks, and says so. Does nothing when all is there.
set -eu

command -v cargo >/dev/null || {
    echo "setup: a Rust toolchain is needed (cargo was not found); see https://www.rust-lang.org/tools/install" >&2
    exit 1
}

missing=""
need() { missing="$missing $1"; }
command -v cc >/dev/null || need gcc
[ -e /usr/include/pcap/pcap.h ] || [ -e /usr/local/include/pcap/pcap.h ] || need libpcap-dev
command -v ip >/dev/null || need iproute2
command -v mkfs.ext4 >/dev/null || [ -x /sbin/mkfs.ext4 ] || need e2fsprogs
command -v mount >/dev/null || need mount
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null || {
    echo "setup: please install these by the means of your system, then run the command again:$missing" >&2
    exit 1
}
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "setup: not root, and no sudo; please have these installed:$missing" >&2
        exit 1
    }
    as_root="sudo"
fi
echo "setup: installing$missing"
# shellcheck disable=SC2086  # a list of words is meant
$as_root apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq $missing >/dev/null
