#!/bin/sh
# Lets tshark judge every capture in this folder, or the ones named: no malformed frame, no bad checksum, no TCP warning.
# Needs tshark. What happens on purpose (reset connections, doubled addresses, questions nobody answers) is listed in `expected`.
set -eu
[ $# -gt 0 ] || set -- $(find "$(dirname "$0")" -name '*.pcap' -o -name '*.pcap.gz' -o -name '*.pcapng' | sort)
expected='Connection reset|Duplicate IP address|DNS query retransmission'
bad=0
for file in "$@"; do
    said=$(tshark -n -r "$file" -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE \
        -q -z expert,warn 2>/dev/null | grep -E '^ +[0-9]+ ' | grep -vE "$expected" || true)
    frames=$(tshark -n -r "$file" 2>/dev/null | wc -l)
    if [ -n "$said" ] || [ "$frames" -eq 0 ]; then
        printf '%s: %s frames\n%s\n' "$file" "$frames" "$said"
        bad=1
    fi
done
[ "$bad" -eq 0 ] && echo "$# captures are clean"
exit "$bad"
