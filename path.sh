# shellcheck shell=bash
# path.sh: the environment, sourced by run.sh and tests/run.sh from the root of the checkout.
# Sets PYTHON to an interpreter that has what constraints.txt pins; makes .venv on first use. To use an
# environment of your own (a container, conda), export PSEUDOVOX_PYTHON=/path/to/python.

export LC_ALL=C PYTHONUTF8=1
unset PYTHONDONTWRITEBYTECODE # set in many containers; each step would compile the package anew
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
# Libraries' own thread pools: the steps fan out over processes and set torch's threads themselves.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$(nproc)}"

# environment <extra>: make or complete the environment; extras: "" (run.sh) or "dev" (tests).
environment() {
  if [ -n "${PSEUDOVOX_PYTHON:-}" ]; then
    PYTHON=$PSEUDOVOX_PYTHON
  else
    PYTHON=$PWD/.venv/bin/python
    utils/install.sh "${1:-}" || exit $?
  fi
  export PYTHON
}
