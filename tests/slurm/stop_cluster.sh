#!/usr/bin/env bash
# tests/slurm/stop_cluster.sh <folder>: end the cluster that start_cluster.sh started there, and nothing else.
set -euo pipefail
folder=${1:?usage: tests/slurm/stop_cluster.sh <folder>}
[ -f "$folder/pids" ] || exit 0
export SLURM_CONF=$folder/slurm.conf
[ ! -f "$SLURM_CONF" ] || timeout 10 scancel --user="$(id -un)" 2> /dev/null || true
for signal in TERM KILL; do
  while read -r process; do
    # Each leads a session of its own and names the folder or is one of the three: a number used again is left alone.
    [[ $(ps -o comm= -p "$process") =~ ^(munged|slurmctld|slurmd)$ ]] && kill -"$signal" "$process" 2> /dev/null || true
  done < "$folder/pids"
  for _ in $(seq 50); do
    ps -o comm= -p "$(paste -sd, "$folder/pids")" | grep -qE '^(munged|slurmctld|slurmd)$' || break 2
    sleep 0.1
  done
done
rm -f "$folder/pids"
