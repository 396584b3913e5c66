#!/usr/bin/env bash
# tests/report/page/install_browser.sh <folder>: what the tests marked browser need, where it is missing: Debian's
# Chromium and its driver (root, apt-get), and axe-core, which goes into <folder>/axe.min.js.
# Exit code 4: cannot be had on this machine; the message says what is missing.
set -euo pipefail
folder=$(realpath -m "${1:?usage: tests/report/page/install_browser.sh <folder>}")
version=4.10.3
axe="axe-core-$version.tgz"
digest=0f2b4d7dcdf7d1219df8d1959ad68e565f51d14c3f0d88bb71cd59abeb956292
fail() { printf 'install_browser.sh: %s\n' "$@" >&2; exit 4; }

missing=()
command -v chromium > /dev/null || missing+=(chromium)
command -v chromedriver > /dev/null || missing+=(chromium-driver)
command -v npm > /dev/null || missing+=(npm)
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
    fail "${missing[*]} missing, and no root or no apt-get to install by"
  fi
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } > /dev/null ||
    fail "apt-get could not install ${missing[*]}; is there a network?"
fi

mkdir -p "$folder"
cd "$folder"
npm pack --silent "axe-core@$version" > /dev/null || fail "npm could not fetch $axe"
echo "$digest  $axe" | sha256sum --check --quiet || fail "$axe is not the one that was pinned"
tar -xzf "$axe" --strip-components=1 package/axe.min.js
