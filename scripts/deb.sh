#!/usr/bin/env bash
# Debian packages into dist/: the gateway for amd64, arm64 and armhf (ARMv6, so that
# the oldest Raspberry Pi runs it too), the hub for amd64 and arm64. With arguments
# only those: gateway:armhf hub:amd64.
set -euo pipefail
cd "$(dirname "$0")/.."
nfpm_version=v2.45.2
nfpm=$PWD/.deps/bin/nfpm
if ! [ -x "$nfpm" ] || [ "$(cat .deps/.nfpm 2>/dev/null)" != "$nfpm_version" ]; then
  mkdir -p .deps/bin
  echo "== building nfpm $nfpm_version" >&2
  (cd /tmp && GOBIN=$(dirname "$nfpm") CGO_ENABLED=0 go install "github.com/goreleaser/nfpm/v2/cmd/nfpm@$nfpm_version")
  echo "$nfpm_version" >.deps/.nfpm
fi

export CGO_ENABLED=0 GOOS=linux
described=$(git describe --tags --always --dirty 2>/dev/null || echo dev)
case $described in
  v[0-9]*) VERSION=$(sed 's/^v//; s/-/+/; s/-/./g' <<<"$described") ;;
  *) VERSION=0.1.0~dev+$(tr - . <<<"$described") ;; # Debian's versions begin with a digit
esac
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || date +%s)
export VERSION SOURCE_DATE_EPOCH

one() { # PART ARCH
  local pkg=weishao-gateway goarch=$2 goarm=
  [ "$1" = gateway ] || pkg=weishao
  [ "$2" != armhf ] || goarch=arm goarm=6
  export ARCH=$2 BINARY=dist/deb/$2/$pkg
  GOARCH=$goarch GOARM=$goarm go build -trimpath \
    -ldflags "-s -w -X weishao.dev/weishao/app.Version=$VERSION -X weishao.dev/weishao/app/edge.Version=$VERSION" -o "$BINARY" "./cmd/$pkg"
  local deb=dist/${pkg}_${VERSION}_$2.deb said
  said=$("$nfpm" package --config "packaging/deb/$1.yaml" --packager deb --target "$deb" 2>&1) || { echo "$said" >&2; exit 1; }
  printf '%-60s %5.1f MB\n' "$deb" "$(awk "BEGIN{print $(stat -c %s "$deb")/1e6}")"
}
[ $# -gt 0 ] || set -- gateway:amd64 gateway:arm64 gateway:armhf hub:amd64 hub:arm64
rm -f dist/*.deb
for p in "$@"; do one "${p%:*}" "${p#*:}"; done
