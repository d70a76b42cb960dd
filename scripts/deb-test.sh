#!/usr/bin/env bash
# Installs the packages of this machine's architecture into a throwaway root with dpkg,
# maintainer scripts and all, and tries what they bring; then removes and purges them.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then # dpkg and chown want root, or what looks like it
  exec unshare --map-root-user --map-auto "$0" "$@"
fi
arch=$(dpkg --print-architecture)
scripts/deb.sh "gateway:$arch" "hub:$arch"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
fail() { echo "deb-test: $*" >&2; exit 1; }
mkdir -p "$root"/etc "$root"/var/lib/dpkg/{info,updates} "$root"/usr/lib
touch "$root"/var/lib/dpkg/status
printf 'root:x:0:0:root:/root:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\ndialout:x:20:\n' >"$root/etc/group"
cp -r /usr/lib/systemd "$root/usr/lib/" # for its targets: what the units order themselves by

# What dpkg says is of interest when it fails. systemd is not in this root: hence force-depends.
pkg() {
  local said
  said=$(dpkg --root="$root" --force-script-chrootless --force-depends --log=/dev/null "$@" 2>&1) || fail "dpkg $*: $said"
}
state() { dpkg-query --admindir="$root/var/lib/dpkg" -W -f='${Status}' "$1" 2>/dev/null || true; }

pkg -i dist/weishao*_"$arch".deb
for p in weishao-gateway weishao; do
  [ "$(state $p)" = "install ok installed" ] || fail "$p is not installed: $(state $p)"
done
grep -q '^weishao:' "$root/etc/passwd" || fail "there is no user"
for g in dialout gpio i2c spi; do grep -q "^$g:.*weishao" "$root/etc/group" || fail "the user is not in $g"; done
[ "$(stat -c %a "$root/etc/weishao")" = 750 ] || fail "/etc/weishao is open to others"
[ "$(stat -c %u "$root/etc/weishao")" = "$(awk -F: '$1=="weishao"{print $3}' "$root/etc/passwd")" ] || fail "/etc/weishao is not the user's"
for u in weishao-gateway weishao-hub; do
  [ -L "$root/etc/systemd/system/multi-user.target.wants/$u.service" ] || fail "$u is not enabled"
done

# The programs run, and one enrols with what another printed.
gw=$root/usr/bin/weishao-gateway
[ -n "$("$gw" --version)" ] && [ -n "$("$root/usr/bin/weishao" version)" ] || fail "no version"
echo '{"group":"g","node":"n","password":"secret","mqtt":"tcp://127.0.0.1:1883"}' |
  "$gw" enrol --config "$root/etc/weishao/gateway.yaml" --from - 2>/dev/null | grep -q 'no mistakes found' || fail "enrol"
[ "$(stat -c '%a %U' "$root/etc/weishao/password")" = "600 $(stat -c %U "$root/etc/weishao")" ] || fail "the password is not its owner's alone"
"$gw" --check --config "$root/etc/weishao/gateway.yaml" >/dev/null || fail "check"

# systemd takes the units, and how exposed they are is known.
if command -v systemd-analyze >/dev/null; then
  mkdir -p "$root/bin" && cp /bin/kill "$root/bin/"
  for u in weishao-gateway weishao-hub; do
    bad=$(systemd-analyze verify --root="$root" --man=no "/usr/lib/systemd/system/$u.service" 2>&1 | grep "$u" || true)
    [ -z "$bad" ] || fail "$bad"
    systemd-analyze security --offline=yes --threshold=25 "$root/usr/lib/systemd/system/$u.service" | tail -1
  done
fi

pkg -r weishao-gateway weishao
[ ! -e "$gw" ] && [ -e "$root/etc/weishao/password" ] || fail "removing takes the program and leaves the configuration"
[ ! -L "$root/etc/systemd/system/multi-user.target.wants/weishao-gateway.service" ] || fail "a removed service is enabled"
pkg -P weishao-gateway weishao
[ ! -e "$root/etc/weishao" ] || fail "purging leaves $(ls -A "$root/etc/weishao")"
echo "deb-test: installed, enrolled, checked, removed"
