#!/bin/sh
# What the tests use of Debian beside Docker: packet filters and network namespaces, a compiler for tiny images and for a shifted clock.
set -eu
missing=
for pair in nft:nftables iptables:iptables ip:iproute2 nsenter:util-linux gcc:gcc; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
done
[ -z "$missing" ] && exit 0
echo "Installing$missing"
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
