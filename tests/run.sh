#!/usr/bin/env bash
# tests/run.sh [pytest arguments]: lint, types and tests, as CI runs them. Makes the environment if need be.
# The default leaves out tests marked slow, gpu, net, slurm and browser; e.g. `tests/run.sh -m slow` runs those.
# Tests run side by side, one process per core and at most four; `-n 0` runs them in one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. ./path.sh
environment dev

if [ $# -eq 0 ]; then
  bin=$(dirname "$PYTHON")
  "$bin/ruff" check .
  "$bin/ruff" format --check .
  "$bin/mypy" pseudovox steps/*.py utils/*.py local/*.py
  "$bin/shellcheck" run.sh path.sh cmd.sh utils/*.sh docker/install.sh tests/run.sh tests/slurm/*.sh tests/docker/*.sh tests/report/page/*.sh .ci/run
fi
workers=$(nproc 2> /dev/null || getconf _NPROCESSORS_ONLN)
workers=$((workers > 4 ? 4 : workers))
export OMP_NUM_THREADS=$(((OMP_NUM_THREADS + workers - 1) / workers))
exec "$PYTHON" -m pytest -n "$workers" --dist worksteal "$@"
