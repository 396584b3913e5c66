#!/usr/bin/env bash
# tests/docker/run_in_chroot.sh <new folder> [command]: the Dockerfile's steps where no container engine runs. Makes a fresh
# Ubuntu 24.04 in the folder, copies the checkout in, and runs there what the Dockerfile runs, in its order, with its
# environment and as its users, down to `./run.sh --check`; then the command, or else the smallest recipe
# (./run.sh --set size=smoke). Says the time and disk of each; what it needs is said in chroot.sh.
# NVIDIA's few packages, which the image's base adds to Ubuntu, are not in it, nor is a GPU used.
set -euo pipefail
# shellcheck source=tests/docker/chroot.sh
. "$(dirname "${BASH_SOURCE[0]}")/chroot.sh"
keys=pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb
key=F6ECB3762474EDA9D21B7022871920D1991BC93C # Ubuntu Archive Automatic Signing Key (2018), which signs the suite

in_new_root "${1:?usage: tests/docker/run_in_chroot.sh <new folder> [command]}" "$0" "$@"
command=${2:-./run.sh --set size=smoke}
mirror=${PSEUDOVOX_UBUNTU:-$(grep -om1 'http://archive[^ ]*' /usr/share/debootstrap/scripts/gutsy)} # debootstrap's own

# dockerfile <first line> <last line>: as shell commands, what the Dockerfile sets and runs between them.
dockerfile() {
  sed -n -e "$1,$2{s/^ENV /export /p;s/^ARG /export /p;s/^RUN //p}" "$here/Dockerfile"
}

fresh_ubuntu() {
  make_root noble main,universe "$mirror" "$keys" "$key" # noble: of nvidia/cuda:*-ubuntu24.04
  mkdir -p "$root$workdir"
  # What .dockerignore leaves of a clean checkout: the tracked files, and new ones that git does not ignore.
  (cd "$here" && git ls-files -z --cached --others --exclude-standard | xargs -0 ls -d 2> /dev/null | tar -c -T -) |
    tar -x --no-same-owner -C "$root$workdir"
}

workdir=$(sed -n 's/^WORKDIR //p' "$here/Dockerfile")
user=$(sed -n 's/^USER //p' "$here/Dockerfile")
as_user=$(grep -n '^USER ' "$here/Dockerfile" | cut -d: -f1)
environment=$(dockerfile 1 '$' | grep '^export ')

timed "a fresh Ubuntu" fresh_ubuntu
timed "as root: the Dockerfile's steps down to USER" inside root "$workdir" "$(dockerfile 1 "$as_user")"
timed "as user: the Dockerfile's steps after USER" inside "$user" "$workdir" "$environment; $(dockerfile "$as_user" '$')"
timed "$command" inside "$user" "$workdir" "$environment; $command"
printf '== of this %s, Python and packages: %s\n' /opt/venv "$(du -shx "$root/opt/venv" | cut -f1)"
