#!/usr/bin/env bash
# tests/docker/run_in_chroot.sh <new folder> [command]: the Dockerfile's steps where no container engine runs. Makes a fresh
# Ubuntu 24.04 in the folder (debootstrap), copies the checkout in, and runs there what the Dockerfile runs, in its order, with
# its environment and as its users, down to `./run.sh --check`; then the command, or else the smallest recipe
# (./run.sh --set size=smoke). Says the time and disk of each.
# NVIDIA's few packages, which the image's base adds to Ubuntu, are not in it, nor is a GPU used.
#
# Needs root, debootstrap, gpg, a network and 15 GB. The machine's proxies, package indices and certificates are
# passed on. The folder stays; remove it with rm -r.
set -euo pipefail
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
suite=noble # of nvidia/cuda:*-ubuntu24.04
mirror=${PSEUDOVOX_MIRROR:-http://archive.ubuntu.com/ubuntu}
keys=pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb
key=F6ECB3762474EDA9D21B7022871920D1991BC93C # Ubuntu Archive Automatic Signing Key (2018), which signs the suite
fail() { printf 'run_in_chroot.sh: %s\n' "$@" >&2; exit 4; }

root=$(realpath -m "${1:?usage: tests/docker/run_in_chroot.sh <new folder> [command]}")
command=${2:-./run.sh --set size=smoke}
if [ -z "${PSEUDOVOX_CHROOT:-}" ]; then
  [ ! -e "$root" ] || fail "$root is there already"
  [ "$(id -u)" = 0 ] || fail "needs root"
  command -v debootstrap gpg > /dev/null || fail "needs debootstrap and gpg: apt-get install debootstrap gpg"
  # In a mount namespace of its own: what is mounted below is gone when this ends, however it ends.
  PSEUDOVOX_CHROOT=yes exec unshare --mount --propagation private "${BASH_SOURCE[0]}" "$root" "$command"
fi

# timed <what> <command...>: run it, and say how long it took and how large the root then is.
timed() {
  local what=$1 started=$SECONDS
  shift
  printf '== %s\n' "$what"
  "$@"
  printf '== %s: %d s, the root is %s\n' "$what" $((SECONDS - started)) "$(du -shx "$root" 2> /dev/null | cut -f1)"
}

# dockerfile <first line> <last line>: as shell commands, what the Dockerfile sets and runs between them.
dockerfile() {
  sed -n -e "$1,$2{s/^ENV /export /p;s/^ARG /export /p;s/^RUN //p}" "$here/Dockerfile"
}

# inside <user> <commands>: run commands in the root, in the Dockerfile's WORKDIR.
inside() {
  local given=()
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL UV_DEFAULT_INDEX; do
    [ -z "${!name:-}" ] || given+=("$name=${!name}")
  done
  chroot --userspec="$1" "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/root TERM="${TERM:-dumb}" SSL_CERT_FILE=/host-certificates.crt PIP_CERT=/host-certificates.crt "${given[@]}" \
    bash -euxc "cd $workdir; $2"
}

# keyring <folder>: the one key that the suite is signed with, in <folder>/keyring.gpg, known by its fingerprint.
keyring() {
  local gpg=(gpg --batch --quiet --no-autostart --homedir "$1")
  python3 -c 'import sys, urllib.request; urllib.request.urlretrieve(*sys.argv[1:])' "$mirror/$keys" "$1/keys.deb"
  dpkg-deb -x "$1/keys.deb" "$1/keys"
  "${gpg[@]}" --import "$1/keys/usr/share/keyrings/ubuntu-archive-keyring.gpg"
  "${gpg[@]}" --export "$key" > "$1/keyring.gpg"
}

make_root() {
  local aside
  aside=$(mktemp -d)
  keyring "$aside"
  debootstrap --variant=minbase --components=main,universe --keyring="$aside/keyring.gpg" "$suite" "$root" "$mirror" \
    "$script" > "$aside/log" || { tail "$aside/log" >&2; fail "debootstrap failed"; }
  rm -r "$aside"
  apt-config dump | grep '^Acquire::' > "$root/etc/apt/apt.conf.d/00host"
  cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
  cp -L "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$root/host-certificates.crt"
  mkdir -p "$root$workdir"
  # What .dockerignore leaves of a clean checkout: the tracked files, and new ones that git does not ignore.
  (cd "$here" && git ls-files -z --cached --others --exclude-standard | xargs -0 ls -d 2> /dev/null | tar -c -T -) |
    tar -x --no-same-owner -C "$root$workdir"
}

script=/usr/share/debootstrap/scripts/$suite
[ -e "$script" ] || script=/usr/share/debootstrap/scripts/gutsy # what all later suites of Ubuntu are installed by
workdir=$(sed -n 's/^WORKDIR //p' "$here/Dockerfile")
user=$(sed -n 's/^USER //p' "$here/Dockerfile")
as_user=$(grep -n '^USER ' "$here/Dockerfile" | cut -d: -f1)
environment=$(dockerfile 1 '$' | grep '^export ')

timed "a fresh Ubuntu" make_root
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
timed "as root: the Dockerfile's steps down to USER" inside root "$(dockerfile 1 "$as_user")"
timed "as user: the Dockerfile's steps after USER" inside "$user" "$environment; $(dockerfile "$as_user" '$')"
timed "$command" inside "$user" "$environment; $command"
printf '== of this %s, Python and packages: %s\n' /opt/venv "$(du -shx "$root/opt/venv" | cut -f1)"
