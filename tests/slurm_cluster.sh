#!/usr/bin/env bash
# A Slurm of one node on this machine, for the tests: `tests/slurm_cluster.sh start|crash|restart|stop DIRECTORY`.
#
# Needs root, slurm-wlm and munge. The daemons listen on 127.0.0.1 only, keep all their files in DIRECTORY, and end with
# `stop`. `start` prints the line `export SLURM_CONF=...` for programs that use this Slurm. `crash` kills the daemons and all
# processes of jobs with SIGKILL, as a power failure would; `restart` starts the daemons again.
set -euo pipefail
action=${1:?start, crash, restart or stop}
place=$(realpath -m "${2:?a directory}")

stop_one() { # name of a file with a process id
    [ -s "$place/$1" ] || return 0
    pid=$(cat "$place/$1")
    kill "$pid" 2>/dev/null || return 0
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.1; done
    kill -9 "$pid" 2>/dev/null || true
}

if [ "$action" = stop ]; then
    SLURM_CONF="$place/slurm.conf" timeout 20 scancel --quiet --user=root 2>/dev/null || true
    for daemon in slurmd.pid slurmctld.pid munge/munged.pid; do stop_one "$daemon"; done
    exit 0
fi

run_daemons() {
    export SLURM_CONF="$place/slurm.conf"
    slurmctld
    slurmd
    for _ in $(seq 300); do
        if sinfo --noheader --format=%T 2>/dev/null | grep -qE 'idle|mixed|allocated'; then
            echo "export SLURM_CONF=$SLURM_CONF"
            exit 0
        fi
        sleep 0.1
    done
    tail -n 5 "$place"/*.log >&2
    "$0" stop "$place"
    exit 1
}

if [ "$action" = crash ]; then
    kill -9 "$(cat "$place/slurmctld.pid")" "$(cat "$place/slurmd.pid")"
    for step in $(pgrep -x slurmstepd); do
        ! ls -l "/proc/$step/fd" | grep -qF "$place/slurmd.log" || kill -9 "$step"
    done
    for process in /proc/[0-9]*; do # those of jobs have both in their environment
        if tr '\0' '\n' 2>/dev/null <"$process/environ" | grep -cE "^SLURM_JOB_ID=|^SLURM_CONF=$place/slurm.conf$" | grep -qx 2; then
            kill -9 "${process#/proc/}" 2>/dev/null || true # it may have ended meanwhile
        fi
    done
    exit 0
fi
if [ "$action" = restart ]; then
    (run_daemons)
    export SLURM_CONF="$place/slurm.conf" # Slurm notices a lost node after minutes; it is told, so that its jobs are queued again
    scontrol update NodeName="$(hostname -s)" State=DOWN Reason=crashed
    exit 0
fi

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
host=$(hostname -s)
mkdir -p "$place"/{state,spool,munge}
chmod 755 "$place" "$place/munge"
head -c 1024 /dev/urandom >"$place/munge/key"
chmod 400 "$place/munge/key"
chown -R munge: "$place/munge"
runuser -u munge -- /usr/sbin/munged --socket="$place/munge/socket" --key-file="$place/munge/key" \
    --pid-file="$place/munge/munged.pid" --log-file="$place/munge/log" --seed-file="$place/munge/seed"

# cred_expire is also the time for which a requeued job waits; NoInAddrAny: without it the daemons listen on all interfaces
cat >"$place/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$place/munge/socket,cred_expire=5
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool
SlurmctldPidFile=$place/slurmctld.pid
SlurmdPidFile=$place/slurmd.pid
SlurmctldLogFile=$place/slurmctld.log
SlurmdLogFile=$place/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MaxArraySize=2
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=5,batch_sched_delay=0
ReturnToService=2
KillWait=10
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=1000
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=$host MaxTime=INFINITE State=UP PriorityTier=2
CONF
run_daemons
