# Sourced by scripts/dev, scripts/test and the ring 'windows', after common.sh: the cross-build for Windows, and Wine.
# shellcheck shell=bash

windows_deps=$cardea_root/build/deps
# Why 32-bit programs cannot be run here; the file is there only when they cannot.
windows_no_x86=$windows_deps/no-wine32

windows_triplet() {
  case $1 in
    x64) echo x86_64-w64-mingw32 ;;
    x86) echo i686-w64-mingw32 ;;
    *) die "no such kind of Windows: $1; there are x64 and x86" ;;
  esac
}

windows_as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# The compilers and Wine. 32-bit Wine needs a foreign architecture and may be impossible here; that is noted, and the ring
# 'windows' counts what it could not run.
install_windows_packages() {
  install_packages "$cardea_root/scripts/lib/packages-windows.txt"
  mkdir -p "$windows_deps"
  rm -f "$windows_no_x86"
  [ "$(dpkg-query -W -f '${db:Status-Abbrev}' wine wine64 wine32:i386 2>/dev/null)" = 'ii ii ii ' ] && return 0
  command -v apt-get >/dev/null || die "these Debian packages are needed: wine wine64 wine32:i386"
  say "installing Wine: wine wine64 wine32:i386"
  local log=$windows_deps/wine.log
  windows_as_root dpkg --add-architecture i386
  # Ends with 100 when one of several indices is out of step on the mirror; the others will do.
  windows_as_root apt-get update -qq >"$log" 2>&1 || say "apt-get update reported errors; going on"
  windows_apt_install wine wine64 wine32:i386 >>"$log" 2>&1 && return 0
  # Libraries of both architectures must have the same version. Where the mirror has the security updates of one only, the
  # versions of the last point release fit together.
  printf 'Package: *\nPin: release n=%s-security\nPin-Priority: 50\n' "$(. /etc/os-release && echo "$VERSION_CODENAME")" \
    >"$windows_deps/preferences"
  windows_apt_install -o Dir::Etc::preferences="$windows_deps/preferences" wine wine64 wine32:i386 >>"$log" 2>&1 && return 0
  echo "wine32:i386 cannot be installed; apt's reasons are in build/deps/wine.log" >"$windows_no_x86"
  say "$(cat "$windows_no_x86")"
  windows_apt_install wine wine64 >>"$log" 2>&1 || die "Wine cannot be installed; apt's reasons are in build/deps/wine.log"
}

# Removes nothing: the machine's own packages matter more than Wine for 32 bits.
windows_apt_install() {
  windows_as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-remove --no-install-recommends "$@" </dev/null
}

# Debian's sources of packages, unpacked into build/deps/src. With an apt configuration of its own: the machine's has no
# sources, mostly, and is none of our business. Mirrors have not always all of the security archive: then without it.
windows_sources() {
  local where=$windows_deps/apt codename archives
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  archives=$(apt-get indextargets --format "\$(REPO_URI) \$(CODENAME) \$(COMPONENT)" 'Created-By: Packages' 'Component: main' |
    grep -E " $codename(-updates|-security)? main\$" | sort -u | sort -s -k 2,2)
  [ -n "$archives" ] || die "apt knows no archive of Debian"
  mkdir -p "$where/lists/partial" "$where/cache/archives/partial" "$windows_deps/src"
  windows_fetch "$archives" "$@" || windows_fetch "$(grep -v -- -security <<<"$archives")" "$@"
}

windows_fetch() {
  local archives=$1 keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  shift
  sed "s|^|deb-src [signed-by=$keyring] |" <<<"$archives" >"$where/sources.list"
  local apt=(apt-get -qq -o Dir::Etc::sourcelist="$where/sources.list" -o Dir::Etc::sourceparts=/dev/null
             -o Dir::State::lists="$where/lists" -o Dir::Cache="$where/cache" -o APT::Sandbox::User=root)
  "${apt[@]}" update || say "apt-get update reported errors; going on"
  (cd "$windows_deps/src" && "${apt[@]}" source "$@")
}

# libsodium and utf8proc as static libraries, once, into build/deps/TRIPLET; the header-only libraries as links.
build_windows_deps() {
  local triplet=$1
  local prefix=$windows_deps/$triplet log=$windows_deps/$triplet.log
  mkdir -p "$windows_deps/include"
  for name in nlohmann CLI tl spdlog fmt doctest; do ln -sfn "/usr/include/$name" "$windows_deps/include/$name"; done
  [ ! -e "$prefix/complete" ] || return 0
  say "building libsodium and utf8proc for $triplet"
  compgen -G "$windows_deps/src/libsodium-*/configure.ac" >/dev/null || windows_sources libsodium utf8proc >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    die "Debian's sources cannot be fetched; the whole log is build/deps/$triplet.log"
  }
  rm -rf "$prefix"
  mkdir -p "$prefix"
  { build_windows_sodium "$triplet" "$prefix" && build_windows_utf8proc "$triplet" "$prefix"; } >>"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    die "building the libraries for $triplet failed; the whole log is build/deps/$triplet.log"
  }
  touch "$prefix/complete"
}

build_windows_sodium() {
  local triplet=$1 prefix=$2 source
  source=$(echo "$windows_deps"/src/libsodium-*/)
  [ -x "$source/configure" ] || (cd "$source" && autoreconf --install) || return 1
  rm -rf "$windows_deps/build-$triplet"
  mkdir -p "$windows_deps/build-$triplet"
  (cd "$windows_deps/build-$triplet" && CC=$triplet-gcc-posix "$source/configure" --host="$triplet" --prefix="$prefix" --enable-static \
    --disable-shared --quiet && make -s -j"$(nproc)" -C src/libsodium install && make -s install-pkgconfigDATA) || return 1
  rm -rf "$windows_deps/build-$triplet"
}

# One source file; its own Makefile knows no cross-build.
build_windows_utf8proc() {
  local triplet=$1 prefix=$2 source
  source=$(echo "$windows_deps"/src/utf8proc-*/)
  "$triplet-gcc-posix" -O2 -DUTF8PROC_STATIC -c "$source/utf8proc.c" -o "$prefix/utf8proc.o" &&
    "$triplet-ar" rcs "$prefix/lib/libutf8proc.a" "$prefix/utf8proc.o" &&
    cp "$source/utf8proc.h" "$prefix/include/" || return 1
  rm "$prefix/utf8proc.o"
  cat >"$prefix/lib/pkgconfig/libutf8proc.pc" <<PC
prefix=$prefix
Name: libutf8proc
Description: Unicode normalisation
Version: $(basename "$source" | sed 's/.*-//')
Libs: -L\${prefix}/lib -lutf8proc
Cflags: -I\${prefix}/include -DUTF8PROC_STATIC
PC
}

# Builds for one kind of Windows; further arguments are targets.
build_windows() {
  local kind=$1
  build_windows_deps "$(windows_triplet "$kind")"
  build_preset "windows-$kind" "${@:2}"
}

# What goes to workstations, of both kinds: build/windows-package.
collect_windows_package() {
  local to=$cardea_root/build/windows-package kind
  rm -rf "$to"
  for kind in x64 x86; do
    mkdir -p "$to/$kind"
    cp "$cardea_root/build/windows-$kind/bin/cardea-agent.exe" "$cardea_root/build/windows-$kind/dll/winscard.dll" "$to/$kind/"
  done
  cp "$cardea_root/reader-driver/packaging/windows/install.cmd" "$to/"
}

# Runs a Windows program in a prefix of the build folder's own. Wine says what it thinks of the machine on standard error:
# WINEDEBUG can ask for it.
run_windows() {
  local kind=$1
  shift
  local loader=/usr/lib/wine/wine64
  [ "$kind" = x64 ] || loader=/usr/lib/wine/wine
  WINEPREFIX=${WINEPREFIX:-$cardea_root/build/wine} WINEARCH=win64 WINEDEBUG=${WINEDEBUG:--all} "$loader" "$@"
}
