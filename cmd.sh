# shellcheck shell=bash
# cmd.sh: where the jobs of a step run; sourced by run.sh. The steps hand their jobs to submitit.
# "local": processes on this machine, as many as --nj. (A Slurm back end is not written yet.)
export PSEUDOVOX_CMD="${PSEUDOVOX_CMD:-local}"
