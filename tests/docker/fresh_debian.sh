#!/usr/bin/env bash
# tests/docker/fresh_debian.sh <new folder> [command]: what the README promises, where there is nothing yet. Makes a fresh
# Debian 13 in the folder, installs git and python3-venv, clones the last commit, and runs the README's first command
# (./run.sh: the environment, then recipes/mini), or another one, as a user without privileges. Says the time and disk of
# each; what it needs is said in chroot.sh.
set -euo pipefail
# shellcheck source=tests/docker/chroot.sh
. "$(dirname "${BASH_SOURCE[0]}")/chroot.sh"

in_new_root "${1:?usage: tests/docker/fresh_debian.sh <new folder> [command]}" "$0" "$@"
command=${2:-./run.sh}
workdir=/home/user/pseudovox

fresh_debian() {
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || fail "needs Debian's keys: apt-get install debian-archive-keyring"
  make_root trixie main
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
