#!/usr/bin/env bash
# Formatting, vet, what the standard library has words for, a tidy go.mod,
# staticcheck, and govulncheck where its database can be reached.
set -euo pipefail
cd "$(dirname "$0")/.."
fail() { printf '%s\n' "$@" >&2; exit 1; }

bad=$(git ls-files -z '*.go' | xargs -0 gofmt -l)
[ -z "$bad" ] || fail "not formatted:" "$bad"
tags=faultinject,screenshots # what is compiled only on demand
go vet ./...
go vet -tags $tags ./...
# Two of go fix's ideas make short code longer.
fixes=$(go fix -stringsbuilder=false -stringscut=false -diff ./... 2>&1) || fail "go fix has something to say:" "$fixes"
tidy=$(go mod tidy -diff 2>&1) || fail "go mod tidy has something to say:" "$tidy"
go tool staticcheck ./...
go tool staticcheck -tags $tags ./...

status=0
out=$(timeout 300 go tool govulncheck ./... 2>&1) || status=$?
if [ $status = 0 ]; then
  echo "govulncheck: no known vulnerability is called"
elif [ $status = 124 ] || grep -qE 'fetching vulnerabilities|no such host|dial tcp|connection refused|Forbidden|timeout' <<<"$out"; then
  echo "govulncheck: its database cannot be reached from here; not checked"
else
  fail "$out"
fi
