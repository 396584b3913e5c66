# shellcheck shell=bash
# tests/docker/chroot.sh: fresh systems to try an installation in, sourced by run_in_chroot.sh (the container's steps) and
# fresh_debian.sh (the README's first command). Needs root, debootstrap, gpg, a network and 15 GB. The machine's proxies,
# package indices and certificates are passed on. What was made stays; remove it with rm -r.

# shellcheck disable=SC2034 # here: for the sourcing scripts
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
fail() { printf "$(basename "$0"): %s\n" "$@" >&2; exit 4; }

# in_new_root <new folder> <program> <its arguments...>: sets root, the folder, and runs the program again in a mount
# namespace of its own: what it mounts is gone when it ends, however it ends.
in_new_root() {
  root=$(realpath -m "$1")
  [ -z "${PSEUDOVOX_CHROOT:-}" ] || return 0
  [ ! -e "$root" ] || fail "$root is there already"
  [ "$(id -u)" = 0 ] || fail "needs root"
  command -v debootstrap gpg > /dev/null || fail "needs debootstrap and gpg: apt-get install debootstrap gpg"
  PSEUDOVOX_CHROOT=yes exec unshare --mount --propagation private "${@:2}"
}

# timed <what> <command...>: run it, and say how long it took and how large the root then is.
timed() {
  local what=$1 started=$SECONDS
  shift
  printf '== %s\n' "$what"
  "$@"
  printf '== %s: %d s, the root is %s\n' "$what" $((SECONDS - started)) "$(du -shx "$root" 2> /dev/null | cut -f1)"
}

# inside <user> <folder> <commands>: run commands in the root.
inside() {
  local given=() name
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL UV_DEFAULT_INDEX; do
    [ -z "${!name:-}" ] || given+=("$name=${!name}")
  done
  chroot --userspec="$1" "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/root TERM="${TERM:-dumb}" SSL_CERT_FILE=/host-certificates.crt PIP_CERT=/host-certificates.crt "${given[@]}" \
    bash -euxc "cd $2; $3"
}

# keyring <folder> <address> <fingerprint>: the one key that a suite is signed with, known by its fingerprint, out of a
# distribution's package of keys, in <folder>/keyring.gpg.
keyring() {
  local gpg=(gpg --batch --quiet --no-autostart --homedir "$1")
  python3 -c 'import sys, urllib.request; urllib.request.urlretrieve(*sys.argv[1:])' "$2" "$1/keys.deb"
  dpkg-deb -x "$1/keys.deb" "$1/keys"
  "${gpg[@]}" --import "$1"/keys/usr/share/keyrings/*-archive-keyring.gpg
  "${gpg[@]}" --export "$3" > "$1/keyring.gpg"
}

# make_root <suite> <components> [<mirror> <package of keys, on the mirror> <fingerprint>]: a minimal system in $root, which
# reaches the network as this machine does. Without a mirror, debootstrap's own, and the keys that the machine has for it.
make_root() {
  local aside options=() script=/usr/share/debootstrap/scripts/$1
  [ -e "$script" ] || script=/usr/share/debootstrap/scripts/gutsy # what all later suites of Ubuntu are installed by
  aside=$(mktemp -d)
  if [ $# -gt 2 ]; then
    keyring "$aside" "$3/$4" "$5"
    options=(--keyring="$aside/keyring.gpg")
  fi
  debootstrap --variant=minbase --components="$2" "${options[@]}" "$1" "$root" "${3:-}" "$script" \
    > "$aside/log" || { tail "$aside/log" >&2; fail "debootstrap failed"; }
  rm -r "$aside"
  apt-config dump | grep '^Acquire::' > "$root/etc/apt/apt.conf.d/00host"
  cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
  cp -L "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$root/host-certificates.crt"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
}
