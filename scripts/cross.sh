#!/usr/bin/env bash
# The gateway for the boards it runs on, without cgo, and how large each is.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0 GOOS=linux
version=$(git describe --tags --always --dirty 2>/dev/null || echo dev)
one() { # GOARCH GOARM
  local out="dist/weishao-gateway-linux-$1${2:+v$2}"
  GOARCH=$1 GOARM=${2:-} go build -trimpath -ldflags "-s -w -X weishao.dev/weishao/app/edge.Version=$version" -o "$out" ./cmd/weishao-gateway
  printf '%-40s %5.1f MB\n' "$out" "$(awk "BEGIN{print $(stat -c %s "$out")/1e6}")"
}
one arm64 ""
for v in 5 6 7; do one arm $v; done
