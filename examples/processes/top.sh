#!/bin/sh
# Reads program <tab> kB lines and prints the ten programs that hold the most memory: average MB of a sampled process, samples.
set -eu
awk -F '\t' '{ sum[$1] += $2; n[$1]++ }
	END { for (p in sum) printf "%.1f\t%d\t%s\n", sum[p] / n[p] / 1000, n[p], p }' | sort -k1,1nr -k3 | head -n 10
