#!/usr/bin/env bash
# utils/install.sh [extra]: make .venv with the versions that constraints.txt pins; nothing to do if it is there. Extras
# (dev, judges, perception, ...) are those of pyproject.toml; several may be installed, one after another.
# PSEUDOVOX_VENV puts it elsewhere (the container: docker/install.sh).
# Uses uv where there is one, else fetches it into the new environment (pip alone takes minutes longer).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

extra=${1:-}
venv=${PSEUDOVOX_VENV:-.venv}
stamp=$venv/.installed${extra:+.$extra}
wanted=$(cat pyproject.toml constraints.txt | sha256sum)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && exit 0

fail() { printf 'utils/install.sh: %s\n' "$@" >&2; exit 4; }

python=${BASE_PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
  fail "needs Python 3.11 or later as '$python'" \
    "  hint: install one (in a user's own folder: pip install uv; uv python install 3.12), then BASE_PYTHON=/path/to/python3 ./run.sh"
mkdir -p "$(dirname "$venv")"
free_mib=$(df -Pm "$(dirname "$venv")" | awk 'NR == 2 {print $4}')
[ "$free_mib" -gt 8000 ] || fail "needs about 8 GB of disk for PyTorch, has $free_mib MiB"

echo "installing into $(realpath -m "$venv") (PyTorch is 2 to 5 GB; once)" >&2
if [ ! -x "$venv/bin/python" ]; then
  "$python" -m venv "$venv" || fail "could not make $venv" "  hint: apt-get install python3-venv (Debian, Ubuntu)"
fi
uv=$(command -v uv || true)
if [ -z "$uv" ] || ! "$uv" --version >/dev/null 2>&1; then
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check uv || fail "pip could not fetch uv; is there a network?"
  uv=$venv/bin/uv
fi
# The machine's own certificates, as pip uses them: networks with a proxy have one of their own.
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"
# Compiled at once: where PYTHONDONTWRITEBYTECODE is set, as in many containers, every step would compile torch anew.
"$uv" pip install --quiet --compile-bytecode --python "$venv/bin/python" --constraint constraints.txt --editable ".[${extra:-praat}]" ||
  fail "the installation failed; the lines above say why" "  hint: run it again (what was fetched is kept)"
echo "$wanted" > "$stamp"
