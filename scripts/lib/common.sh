# Sourced by the scripts: where the tree is, and how to get what is missing onto a bare Debian 12.
# shellcheck shell=bash

cardea_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# The system's interpreter: it is the one that sees Debian's Python packages.
cardea_python=/usr/bin/python3

say() { printf '%s\n' "$*" >&2; }
die() { say "$(basename "$0"): $*"; exit 1; }

# Sets `as_root` to what makes a command run as root. 1: says what is missing for that, or for giving pcscd its private place.
find_root() {
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { say "$(basename "$0"): pcscd needs root, and there is no sudo here: run this as root"; return 1; }
    as_root=(sudo)
  fi
  "${as_root[@]}" unshare --mount --net mount -t tmpfs none /run 2>/dev/null && return 0
  say "$(basename "$0"): pcscd gets a private /run, and even root may not make mount and network namespaces here;" \
    "in a container, give it CAP_SYS_ADMIN (docker run --privileged)"
  return 1
}

# Installs the packages of a list file (one a line, '#' comments) that are not there yet.
install_packages() {
  local list=$1 name provided missing=()
  # Read as a whole: a grep that has seen enough would end dpkg-query by SIGPIPE, which pipefail takes for "not there".
  provided=$(dpkg-query -W -f '${db:Status-Abbrev}, ${Package}, ${Provides},\n' 2>/dev/null || true)
  while read -r name; do
    [ -n "$name" ] || continue
    # What another package provides is there too: Node.js from elsewhere brings npm along, and excludes Debian's.
    grep -qE "^ii .*[ ,]${name//+/\\+}( \(= [^)]*\))?," <<<"$provided" && continue
    missing+=("$name")
  done < <(sed -e 's/#.*//' -e 's/[[:space:]]//g' "$list")
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || die "these Debian packages are needed: ${missing[*]}"
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  # An index that cannot be refreshed is no reason to stop: the packages may be known already.
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get update -qq || say "apt-get update reported errors; going on"
  # Services must not start by themselves: every scenario starts its own.
  local policy=/usr/sbin/policy-rc.d made_policy=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
    made_policy=yes
  fi
  local result=0
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    </dev/null >"${TMPDIR:-/tmp}/cardea-install.log" 2>&1 || result=$?
  [ -z "$made_policy" ] || "${as_root[@]}" rm -f "$policy"
  if [ "$result" -ne 0 ]; then
    tail -n 20 "${TMPDIR:-/tmp}/cardea-install.log" >&2
    die "installation failed"
  fi
}

# Node packages of the tests, as their lock file says, into build/node. Nothing to do when they are there.
install_node_packages() {
  local from="$cardea_root/tests/support/node" to="$cardea_root/build/node"
  cmp -s "$from/package-lock.json" "$to/installed-lock.json" && return 0
  mkdir -p "$to"
  cp "$from/package.json" "$from/package-lock.json" "$to/"
  (cd "$to" && npm ci --ignore-scripts --no-audit --no-fund --silent) || die "npm cannot fetch the packages of tests/support/node"
  cp "$from/package-lock.json" "$to/installed-lock.json"
}

# Configures (where needed) and builds a preset; further arguments are targets.
build_preset() {
  local preset=$1
  shift
  local log="$cardea_root/build/$preset-build.log"
  mkdir -p "$cardea_root/build"
  # Folders of the same tree in several places share compiler results. What a result depends on is taken from the list of headers
  # that the compiler writes anyway: a file that is not in the cache is not read twice.
  export CCACHE_BASEDIR=$cardea_root CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1
  (cd "$cardea_root" && cmake --preset "$preset" >"$log" 2>&1 && cmake --build "build/$preset" ${1:+--target "$@"} >>"$log" 2>&1) || {
    grep -E -A12 'error|FAILED' "$log" | head -n 80 >&2
    die "build of preset '$preset' failed; the whole log is build/$preset-build.log"
  }
}
