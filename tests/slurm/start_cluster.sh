#!/usr/bin/env bash
# tests/slurm/start_cluster.sh <folder>: a Slurm cluster of one node on the loopback, for the tests marked slurm.
# Installs Debian's slurm and munge if they are missing (root, apt-get). All state lies in <folder>; the machine's own
# Slurm, if it has one, is not touched. Use it with SLURM_CONF=<folder>/slurm.conf; end it with stop_cluster.sh.
# Exit code 4: cannot be had on this machine (not root, no apt-get); the message says what is missing.
set -euo pipefail
folder=$(realpath -m "${1:?usage: tests/slurm/start_cluster.sh <folder>}")
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
fail() { printf 'start_cluster.sh: %s\n' "$@" >&2; exit 4; }

[ ! -e "$folder" ] || fail "$folder is there already; give a new folder, or end that cluster by stop_cluster.sh"
[ "$(id -u)" = 0 ] || fail "a Slurm cluster needs root here (slurmd starts jobs as their users)"
if ! command -v slurmctld slurmd sbatch munged > /dev/null; then
  command -v apt-get > /dev/null || fail "Slurm is missing and there is no apt-get to install it by"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update && apt-get install -y --no-install-recommends slurmctld slurmd slurm-client munge; } > /dev/null ||
    fail "apt-get could not install slurmctld, slurmd, slurm-client and munge; is there a network?"
fi

mkdir -p "$folder"/{state,spool,log}
install -d -o munge -g munge "$folder/munge"
trap '"$here/stop_cluster.sh" "$folder"; tail -n 20 "$folder"/log/* >&2 || true' ERR

# start <program> <arguments...>: in the background, in a session of its own; its process goes into <folder>/pids.
start() {
  setsid "$@" > "$folder/log/${1##*/}.out" 2>&1 < /dev/null &
  echo $! >> "$folder/pids"
}

head -c 128 /dev/urandom > "$folder/munge/key"
chown munge "$folder/munge/key"
chmod 400 "$folder/munge/key"
# Insecure only in that the folder may lie in a temporary one; the key is good for this cluster alone.
start setpriv --reuid=munge --regid=munge --clear-groups munged --foreground --force --key-file="$folder/munge/key" \
  --socket="$folder/munge/socket" --pid-file="$folder/munge/pid" --seed-file="$folder/munge/seed" \
  --log-file="$folder/munge/log"

read -r control node < <(python3 - <<'PYTHON'
import socket
found = [socket.socket() for _ in range(2)]
for one in found:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in found))
PYTHON
)
host=$(hostname -s)
# config_overrides: eight jobs at once, however few cores there are. cred_expire: a requeued job waits so long.
cat > "$folder/slurm.conf" <<END_OF_CONF
ClusterName=pseudovox
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$control
SlurmdPort=$node
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld
SlurmdLogFile=$folder/log/slurmd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0
ReturnToService=2
KillWait=5
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 RealMemory=4000 State=UNKNOWN
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE State=UP
END_OF_CONF
export SLURM_CONF=$folder/slurm.conf
for _ in $(seq 50); do [ -S "$folder/munge/socket" ] && break; sleep 0.1; done
start slurmctld -D
start slurmd -D
for _ in $(seq 150); do
  [[ $(sinfo --noheader --format=%t 2> /dev/null) == idle* ]] && exit 0
  sleep 0.2
done
echo "start_cluster.sh: the node did not become idle in 30 s" >&2
false
