#!/usr/bin/env bash
# Runs each fuzz target of the repository for TIME (default 30s).
set -euo pipefail
cd "$(dirname "$0")/.."
grep -rlE '^func Fuzz' --include='*_test.go' . | while read -r f; do
  for target in $(grep -oE '^func Fuzz[A-Za-z0-9_]*' "$f" | cut -c6-); do
    echo "== $target in $(dirname "$f")"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "${TIME:-30s}" -fuzzminimizetime 200x "$(dirname "$f")"
  done
done
