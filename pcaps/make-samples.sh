#!/bin/sh
# Makes every capture in this folder anew. Usage: pcaps/make-samples.sh [path to dogwatch-sim]
# The simulator is deterministic: without a change to it, git sees no difference afterwards.
set -eu
cd "$(dirname "$0")"
sim=${1:-../target/release/dogwatch-sim}
[ -x "$sim" ] || { echo "build it first: cargo build --release -p dogwatch-sim" >&2; exit 2; }

cut() { # protocol, file, further options
    mkdir -p "$1"
    only=$1 file=$2
    shift 2
    "$sim" cut --only "$only" --out "$only/$file" "$@"
}

cut nmea0183 udp-broadcast.pcap --script sea-day --duration 60s --plain
cut nmea0183 serial-server.pcap --script sea-day --duration 60s --serial
cut iec61162-450 sentences.pcap --script sea-day --duration 60s --no-pictures
cut iec61162-450 image-transfer.pcap.gz --script sea-day --duration 30s
cut ais targets.pcap --script sea-day --duration 6m
cut nmea2000 bus-start.pcap --script sea-day --duration 20s
cut nmea2000 address-claim-attack.pcap.gz --script n2k-claim --at 120s --duration 180s
cut modbus polls.pcap --script sea-day --duration 60s
cut modbus foreign-write.pcap.gz --script modbus-write --at 120s --duration 5m
cut arp refresh.pcap --script sea-day --duration 6m
cut arp takeover.pcap --script ip-takeover --at 120s --duration 4m
cut dhcp leases.pcap --script sea-day --duration 2m
cut dhcp stranger.pcap --script rogue-device --at 120s --duration 4m
cut lldp switches.pcap --script sea-day --duration 5m
cut stp hello.pcap --script sea-day --duration 60s
cut dns office-and-crew.pcap --script sea-day --duration 10m
cut mdns phones.pcap --script sea-day --duration 3m
cut nbns windows.pcap --script sea-day --duration 60s
cut ntp stations.pcap --script sea-day --duration 5m
cut igmp membership.pcap --script sea-day --duration 5m
cut syslog switch.pcap --script sea-day --duration 20m
cut tls office-and-crew.pcap.gz --script sea-day --duration 2m

# Whole runs: the ship's traffic, labels of what must be found, and the policy. The bus goes with those that need it.
mkdir -p scenarios
"$sim" run --script sea-day --duration 6m --no-pictures --gz --out scenarios
"$sim" run --script n2k-claim --duration 5m --no-pictures --gz --out scenarios
"$sim" run --script mirror-loss --duration 6m --no-pictures --no-bus --gz --out scenarios
for script in rogue-device ip-takeover crew-to-bridge modbus-write modbus-range pos-jump sfi-clash nmea-talker; do
    "$sim" run --script "$script" --duration 5m --no-pictures --no-bus --gz --out scenarios
done
