#!/usr/bin/env bash
# docker/install.sh <step>: what the image is made of; the Dockerfile runs the steps in this order, and so does
# tests/docker/run_in_chroot.sh. As root, on a fresh Ubuntu or Debian, in a copy of the checkout.
#   system               packages of the distribution
#   environment [extra]  the Python environment in $PSEUDOVOX_VENV, as constraints.txt pins it; extras of pyproject.toml
#   user                 who runs in the container, and the folders that belong to them
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case ${1:-} in
  system)
    export DEBIAN_FRONTEND=noninteractive
    apt-get update
    # git: the commit is recorded with every result; ca-certificates: for local/download.py.
    apt-get install -y --no-install-recommends python3 python3-venv git ca-certificates
    rm -rf /var/lib/apt/lists/*
    ;;
  environment)
    : "${PSEUDOVOX_VENV:?must say where to}"
    utils/install.sh "${2:-}"
    ;;
  user)
    # Ubuntu's images have a user of the number that most people have on their machines.
    other=$(getent passwd 1000 | cut -d: -f1) || true
    [ -z "$other" ] || userdel --remove "$other" 2> /dev/null
    useradd --uid 1000 --no-create-home --home-dir /cache --shell /bin/bash pseudovox
    # For anybody: docker-compose.yml runs the container as the user who started it.
    install -d -m 1777 /cache corpora data exp
    ;;
  *)
    sed -n '2,/^set/{/^set/d;s/^# //p}' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
