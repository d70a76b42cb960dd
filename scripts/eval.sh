#!/usr/bin/env bash
# Prints the table of the detectors' figures on measured data; with --json, or
# JSON=1, the same as JSON. The folder is the argument, or DATA.
set -euo pipefail
json=${JSON:-}
[ "${1:-}" = --json ] && { json=1; shift; }
data=${1:-${DATA:-}}
[ -d "$data" ] || { echo "eval: where is the measured data? DATA=folder (it is '$data')" >&2; exit 2; }
data=$(cd "$data" && pwd)
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
out=$dir/table${json:+.json}
log=$(DATA=$data EVAL=$out "${GO:-go}" test -count=1 -timeout 20m -p 1 -run '^TestEval$' ./rules/detect ./rules/backtest 2>&1) || { echo "$log" >&2; exit 1; }
cat "$out"
