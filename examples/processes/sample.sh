#!/bin/sh
# Prints the process table of this machine, once a second: program <tab> resident memory in kB, one line per process.
#
#   sample.sh [times]      for ever if no number is given
set -eu
left=${1:--1}
while [ "$left" -ne 0 ]; do
	for status in /proc/[0-9]*/status; do
		# A process may end between the listing and the reading: then it has no line.
		awk '$1 == "Name:" { name = $2 } $1 == "VmRSS:" { print name "\t" $2 }' "$status" 2>/dev/null || true
	done
	left=$((left - 1))
	[ "$left" -eq 0 ] || sleep 1
done
