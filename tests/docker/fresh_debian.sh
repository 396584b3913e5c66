#!/usr/bin/env bash
# tests/docker/fresh_debian.sh <new folder> [command]: what the README promises, where there is nothing yet. Makes a fresh
# Debian 13 in the folder, installs git and python3-venv, clones the last commit, and runs the README's first command
# (./run.sh: the environment, then recipes/mini), or another one, as a user without privileges. Says the time and disk of
# each; what it needs is said in chroot.sh.
set -euo pipefail
# shellcheck source=tests/docker/chroot.sh
. "$(dirname "${BASH_SOURCE[0]}")/chroot.sh"
mirror=${PSEUDOVOX_DEBIAN:-http://deb.debian.org/debian}
keys=pool/main/d/debian-archive-keyring/debian-archive-keyring_2025.1_all.deb
key=04B54C3CDCA79751B16BC6B5225629DF75B188BD # Debian Archive Automatic Signing Key (13/trixie)

in_new_root "${1:?usage: tests/docker/fresh_debian.sh <new folder> [command]}" "$0" "$@"
command=${2:-./run.sh}
workdir=/home/user/pseudovox

fresh_debian() {
  make_root trixie "$mirror" main "$keys" "$key"
  chroot "$root" useradd --create-home user
}

clone() {
  git clone --quiet --no-hardlinks "$here" "$root$workdir"
  chroot "$root" chown -R user: "$workdir"
}

timed "a fresh Debian" fresh_debian
timed "packages" inside root / "apt-get update -qq; apt-get install -yqq --no-install-recommends git python3-venv"
timed "clone" clone
timed "$command" inside user "$workdir" "export HOME=/home/user USER=user; $command"
printf '== of this .venv: %s, data: %s, exp: %s\n' "$(du -shx "$root$workdir/.venv" | cut -f1)" \
  "$(du -shx "$root$workdir/data" | cut -f1)" "$(du -shx "$root$workdir/exp" | cut -f1)"
