# shellcheck shell=bash
# path.sh: the environment, sourced by run.sh and tests/run.sh from the root of the checkout.
# Sets PYTHON to an interpreter that has what constraints.txt pins; makes .venv on first use. To use an
# environment of your own (a container, conda), export PSEUDOVOX_PYTHON=/path/to/python.

export LC_ALL=C PYTHONUTF8=1
unset PYTHONDONTWRITEBYTECODE # set in many containers; each step would compile the package anew
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"
# Libraries' own thread pools: the steps fan out over processes and set torch's threads themselves.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$(nproc 2> /dev/null || getconf _NPROCESSORS_ONLN)}"
# Threads that wait for each other spin only briefly (a tenth of the usual) before they sleep: long spinning starves them
# on a machine that others use too; to sleep at once costs a fifth of a training's speed where nobody else does.
export GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-30000}"
# glibc gives every large array back to the system and asks for it anew, page by page: a third of a training step on a
# CPU. Above these sizes (4 GiB) it still does.
export MALLOC_MMAP_THRESHOLD_="${MALLOC_MMAP_THRESHOLD_:-4294967296}"
export MALLOC_TRIM_THRESHOLD_="${MALLOC_TRIM_THRESHOLD_:-4294967296}"
export MALLOC_TOP_PAD_="${MALLOC_TOP_PAD_:-67108864}"

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
