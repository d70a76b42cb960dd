#!/usr/bin/env bash
# Installs what the tests need and nothing else: Debian packages for the real
# browser, the real foreign broker, the real foreign node and the race detector;
# everything else into .deps of this checkout. Running it again when all is
# there takes a second.
set -euo pipefail
cd "$(dirname "$0")/.."
deps=$PWD/.deps
mkdir -p "$deps/bin"

say() { printf '== %s\n' "$*" >&2; }

root=()
[ "$(id -u)" = 0 ] || root=(sudo)
as_root() { "${root[@]}" "$@"; }

# The mosquitto package starts a server on 1883 at once and at every boot. The
# tests start their own on free ports, and the hub wants 1883 for itself, so it
# is stopped; only where this script brought it, since others may want theirs.
# The mark is there so that an interrupted run is made good by the next.
mark="$deps/.mosquitto-to-stop"
stop_mosquitto() {
  if command -v systemctl >/dev/null; then as_root systemctl disable mosquitto >/dev/null 2>&1 || true; fi
  as_root update-rc.d mosquitto disable >/dev/null 2>&1 || true
  as_root invoke-rc.d --force mosquitto stop >/dev/null 2>&1 || true
  rm "$mark"
}

need=()
have() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }
for package in mosquitto chromium fonts-noto-cjk ca-certificates; do
  have "$package" || need+=("$package")
done
command -v gcc >/dev/null || need+=(gcc libc6-dev) # the race detector is C
command -v curl >/dev/null || need+=(curl) # docs/getting-started.md is walked with it
command -v node >/dev/null || need+=(nodejs)
command -v npm >/dev/null || need+=(npm)
if ((${#need[@]})); then
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    say "as root, once: apt-get update && apt-get install --no-install-recommends ${need[*]}"
    exit 1
  fi
  say "installing Debian packages: ${need[*]}"
  case " ${need[*]} " in *" mosquitto "*) touch "$mark" ;; esac
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Use-Pty=0 "${need[@]}" >"$deps/apt.log" 2>&1 || { cat "$deps/apt.log" >&2; exit 1; }
fi
[ ! -e "$mark" ] || stop_mosquitto

# tool NAME MODULE VERSION: builds a Go program into .deps/bin, once per version.
tool() {
  local stamp="$deps/bin/.$1-$3" log="$deps/$1.log"
  if [ -e "$stamp" ] && [ -x "$deps/bin/$1" ]; then return; fi
  say "building $1 $3 (once, a minute or two)"
  GOFLAGS=-mod=mod CGO_ENABLED=0 GOBIN="$deps/bin" go install "$2@$3" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
  touch "$stamp"
}
tool influxd github.com/influxdata/influxdb/cmd/influxd v1.8.10
tool mailpit github.com/axllent/mailpit v1.27.11

# node_package NAME VERSION: puts an npm package into .deps/node_modules.
node_package() {
  grep -qs "\"version\": \"$2\"" "$deps/node_modules/$1/package.json" && return
  say "installing npm package $1 $2"
  npm install --silent --no-audit --no-fund --no-package-lock --prefix "$deps" "$1@$2" >&2
}
node_package sparkplug-client 3.2.4
node_package axe-core 4.10.3
