#!/usr/bin/env python3
"""Makes oui.tsv from the IEEE public listings as Debian's package `ieee-data` ships them.

Usage: make-oui.py /usr/share/ieee-data > oui.tsv
The IEEE asserts no copyright in the listing. Blocks of 24 (MA-L), 28 (MA-M) and 36 bits (MA-S, IAB) go into one table, sorted by prefix, so that a
look-up can take the longest prefix by binary search.
"""
import csv
import re
import sys

folder = sys.argv[1]
rows = {}
for name in ("oui.csv", "mam.csv", "oui36.csv", "iab.csv"):
    with open(f"{folder}/{name}", encoding="utf-8", newline="") as lines:
        for _registry, prefix, vendor, *_ in list(csv.reader(lines))[1:]:
            vendor = re.sub(r"\s+", " ", vendor).strip()
            # blocks that the registry cut into smaller ones carry no vendor of their own
            if vendor and vendor not in ("IEEE Registration Authority", "Private"):
                rows.setdefault(prefix.lower(), vendor)
for prefix in sorted(rows):
    print(f"{prefix}\t{rows[prefix]}")
