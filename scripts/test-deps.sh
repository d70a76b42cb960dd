#!/usr/bin/env bash
# Installs what the tests need and nothing else: Debian packages for the real
# browser, the real foreign broker and the real foreign node; everything else
# into .deps of this checkout. Running it again when all is there takes a second.
set -euo pipefail
cd "$(dirname "$0")/.."
deps=$PWD/.deps
mkdir -p "$deps/bin"

say() { printf '== %s\n' "$*" >&2; }

need=()
have() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }
have mosquitto || need+=(mosquitto)
have chromium || need+=(chromium)
have fonts-noto-cjk || need+=(fonts-noto-cjk)
have ca-certificates || need+=(ca-certificates)
command -v gcc >/dev/null || need+=(gcc libc6-dev)
command -v node >/dev/null || need+=(nodejs)
command -v npm >/dev/null || need+=(npm)
if ((${#need[@]})); then
  say "installing Debian packages: ${need[*]}"
  root=()
  [ "$(id -u)" = 0 ] || root=(sudo)
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}" >&2
  # The package may start a server of its own on 1883; the tests start theirs on
  # free ports, and the hub wants 1883 for itself.
  case " ${need[*]} " in *" mosquitto "*)
    if command -v systemctl >/dev/null && systemctl is-active --quiet mosquitto 2>/dev/null; then
      "${root[@]}" systemctl disable --now mosquitto >&2 || true
    fi ;;
  esac
fi

# tool NAME MODULE VERSION: builds a Go program into .deps/bin, once per version.
tool() {
  local stamp="$deps/bin/.$1-$3"
  [ -e "$stamp" ] && return
  say "building $1 $3 (once)"
  GOFLAGS=-mod=mod GOBIN="$deps/bin" go install "$2@$3" >&2
  touch "$stamp"
}
tool influxd github.com/influxdata/influxdb/cmd/influxd v1.8.10
tool mailpit github.com/axllent/mailpit v1.27.11

# node NAME VERSION: puts an npm package into .deps/node_modules.
node_package() {
  [ "$(node -p "require('$deps/node_modules/$1/package.json').version" 2>/dev/null)" = "$2" ] && return
  say "installing npm package $1 $2"
  npm install --silent --no-audit --no-fund --no-package-lock --prefix "$deps" "$1@$2" >&2
}
node_package sparkplug-client 3.2.4
node_package axe-core 4.10.3
