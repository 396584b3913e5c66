# shellcheck shell=bash
# cmd.sh: where the jobs of a step run; sourced by run.sh. Set the variables here, or in the environment:
#   PSEUDOVOX_CMD=slurm PSEUDOVOX_SLURM_PARTITION=gpu PSEUDOVOX_SLURM_GPUS=1 ./run.sh --nj 16

# local: processes on this machine, as many as --nj.
# slurm: jobs on a cluster, one array a step, as many jobs as --nj; start ./run.sh on a login node and leave it running
#        (tmux, or sbatch --wrap). The steps that go over utterances and those that train send their work to jobs; what
#        takes seconds (fitting, sampling, scoring, reports) stays where run.sh runs. Interrupted, a step cancels its jobs.
#        The checkout, data/ and exp/ must lie on a file system that the nodes share.
export PSEUDOVOX_CMD="${PSEUDOVOX_CMD:-local}"

# What each Slurm job is given; empty: the cluster's default.
export PSEUDOVOX_SLURM_PARTITION="${PSEUDOVOX_SLURM_PARTITION:-}"
export PSEUDOVOX_SLURM_ACCOUNT="${PSEUDOVOX_SLURM_ACCOUNT:-}"
export PSEUDOVOX_SLURM_TIME="${PSEUDOVOX_SLURM_TIME:-24:00:00}" # at its end a job is requeued and goes on
export PSEUDOVOX_SLURM_MEMORY="${PSEUDOVOX_SLURM_MEMORY:-}"     # e.g. 16G
export PSEUDOVOX_SLURM_CPUS="${PSEUDOVOX_SLURM_CPUS:-2}"
export PSEUDOVOX_SLURM_GPUS="${PSEUDOVOX_SLURM_GPUS:-}"         # a job; e.g. 1
export PSEUDOVOX_SLURM_OPTIONS="${PSEUDOVOX_SLURM_OPTIONS:-}"   # others of sbatch's: --qos=long --constraint=a100
