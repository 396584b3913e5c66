#!/usr/bin/env bash
# All that is to be measured on a GPU, in one call of at most nine minutes, without a network.
#
#   benchmarks/gpu.sh                                  # on a machine with a GPU; results in exp/gpu
#   OUT=results benchmarks/gpu.sh                      # somewhere else
#   benchmarks/gpu.sh --device cpu --size tiny         # does it work? on any machine, in a few minutes
#
# The tests of mark gpu; every system end to end, on recordings made on the spot, with the models of pretrained/; the
# throughput of the attacker's training; tables of PyTorch's profiler. Each part has a share of the time, and what is
# done when that is up is kept. Writes gpu.json, gpu.md, profile_*.txt and one log of each part.
#
# PYTHON names the interpreter (.venv/bin/python if there, else python3). WHEELS names a folder of wheels that are put
# beside its packages first, for a machine that has PyTorch, and some of constraints.txt not.
set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

device=cuda size=full minutes=9
while [ $# -gt 0 ]; do
  case "$1" in
    --device) device="$2"; shift 2 ;;
    --size) size="$2"; shift 2 ;;
    --minutes) minutes="$2"; shift 2 ;;
    *) sed -n '2,15s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
  esac
done
out="${OUT:-exp/gpu}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
python="${PYTHON:-}"
if [ -z "$python" ]; then
  if [ -x .venv/bin/python ]; then python=.venv/bin/python; else python=python3; fi
fi
export PYTHON="$python" PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
export TORCHINDUCTOR_CACHE_DIR="$work/inductor"
if [ -n "${WHEELS:-}" ]; then
  "$python" -m pip install -q --no-index --no-deps --no-compile --target "$work/site" "$WHEELS"/*.whl || exit 1
  export PYTHONPATH="$PYTHONPATH:$work/site"
fi

ends=$((SECONDS + 60 * minutes - 15)) # the rest is for the table
status=0
part() { # name, seconds at most, command...: in the time that is left
  local name="$1" most="$2" left=$((ends - SECONDS)) code=0
  shift 2
  if [ "$left" -lt 10 ]; then
    echo "$name: no time left"
    return
  fi
  if [ "$left" -lt "$most" ] || [ "$size" = tiny ]; then most="$left"; fi # (what is tried may take its time)
  echo "== $name (at most $most s)"
  timeout --kill-after=5 "$most" "$@" 2>&1 | tee "$out/$name.log" | tail -n 25
  code=${PIPESTATUS[0]}
  echo "== $name: code $code, after $SECONDS s"
  if [ "$code" -ne 0 ]; then status=1; fi
}
gpu() { # part of benchmarks/gpu.py, seconds at most
  part "$1" "$2" "$python" benchmarks/gpu.py "$1" "$out" --work "$work/gpu" --device "$device" --size "$size" \
    --seconds "$(($2 - 20))"
}
attacker() { # name, seconds at most, arguments...
  local name="$1" most="$2"
  shift 2
  part "attacker_$name" "$most" "$python" benchmarks/attacker.py --device "$device" --json "$out/attacker_$name.json" "$@"
}

rm -f "$out"/*.json "$out"/profile_*.txt
if [ "$device" = cuda ]; then
  nvidia-smi || true
  part tests 130 "$python" -m pytest -q -m gpu -p no:cacheprovider tests/test_gpu.py tests/test_invariance.py \
    tests/components/test_padded_batches.py tests/training/test_no_synchronisation.py tests/anonymize/test_mcadams.py
fi
gpu speech 40
gpu systems 180
if [ "$size" = tiny ]; then
  attacker tiny 120 --seconds 1 --warm-up 1 --batch-size 4
else
  attacker as_configured 50 --seconds 15
  attacker bf16 50 --seconds 15 --precision bf16-mixed
  PSEUDOVOX_DETERMINISTIC=0 PSEUDOVOX_COMPILE=1 attacker bf16_compiled 75 --seconds 15 --precision bf16-mixed
fi
gpu profile 70
ends=$((ends + 15))
gpu table 15
echo "results in $out after $SECONDS s"
exit "$status"
