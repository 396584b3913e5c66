#!/usr/bin/env bash
# utils/python.sh <program.py> [arguments]: runs a program with the project's environment. The first line of every
# program in steps/, utils/ and local/ asks for it, so that they can be called from any folder as they are.
# The interpreter is PSEUDOVOX_PYTHON, else that of .venv, else a python3 that has the dependencies.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit
export LC_ALL=C PYTHONUTF8=1 PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
if [ -n "${PSEUDOVOX_PYTHON:-}" ]; then
  python=$PSEUDOVOX_PYTHON
elif [ -x "$root/.venv/bin/python" ]; then
  python=$root/.venv/bin/python
elif python3 -c 'import importlib.util as found; exit(not (found.find_spec("torch") and found.find_spec("soundfile")))' 2> /dev/null; then
  python=python3
else
  echo "error: the project's environment is not there" >&2
  echo "hint: $root/utils/install.sh" >&2
  exit 1
fi
exec "$python" "$@"
