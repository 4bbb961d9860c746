#!/bin/sh
# A lab node: a server with Docker Engine and nothing else, as a privileged container.
#
# What may be put in before the start (bind mount, or `docker cp` into the created container):
#   /etc/docker/daemon.json              dockerd's own configuration: mirrors, log options, …
#   /usr/local/bin/fairlead-lab-runtime  an OCI runtime that becomes dockerd's default
# dockerd runs under a supervisor: `pkill dockerd` inside is a restart of it, `docker restart` of the node a reboot.
# What it wants mounted: /var/lib/docker (a volume: overlay on overlay does not work), /run and /tmp as tmpfs.
# Arguments are handed on to dockerd. The container's time to stop is dockerd's: give `docker stop` 20 s or more.
set -eu

# Pods' mounts reach other containers of this node only if its root is shared, as systemd has it on a server.
mount --make-rshared /

[ -s /etc/machine-id ] || tr -d - < /proc/sys/kernel/random/uuid > /etc/machine-id

# Before dockerd: if dockerd switches forwarding on by itself, it sets the FORWARD policy to DROP.
[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || echo 1 > /proc/sys/net/ipv4/ip_forward

# A killed container leaves these behind; dockerd refuses to start beside them.
rm -f /run/docker.pid /var/run/docker.pid /run/docker/containerd/containerd.pid

# On cgroup v2 a group with processes of its own can't hand controllers on to its children.
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir -p /sys/fs/cgroup/node
    while read -r process; do
        echo "$process" > /sys/fs/cgroup/node/cgroup.procs || true
    done < /sys/fs/cgroup/cgroup.procs
    for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
        echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control || true
    done
fi

settings=/etc/docker/daemon.json
mkdir -p /etc/docker
[ -s "$settings" ] || echo '{}' > "$settings"

# dockerd refuses a setting that is both in its file and on its command line: the file has its way.
unless_set() {
    key=$1
    shift
    grep -q "\"$key\"" "$settings" || arguments="$arguments $*"
}

arguments="--config-file $settings"
unless_set hosts --host unix:///var/run/docker.sock
unless_set exec-opts --exec-opt native.cgroupdriver=cgroupfs
unless_set live-restore --live-restore
runtime=/usr/local/bin/fairlead-lab-runtime
if [ -x "$runtime" ]; then
    unless_set runtimes --add-runtime "fairlead=$runtime"
    unless_set default-runtime --default-runtime fairlead
fi

# What systemd does for a server's dockerd: it comes back when it ends, and SIGTERM is the server's shutdown.
# One that gives up by itself (a bad setting, say: its code is neither 0 nor a signal's) ends the server too.
daemon=
stopping=
trap 'stopping=yes; kill -TERM "$daemon" 2>/dev/null || true' TERM INT
while true; do
    # Split on purpose: no setting of ours has a blank in it.
    # shellcheck disable=SC2086
    dockerd $arguments "$@" &
    daemon=$!
    [ -z "$stopping" ] || kill -TERM "$daemon"
    code=0
    while kill -0 "$daemon" 2>/dev/null; do
        code=0
        wait "$daemon" || code=$? # a signal ends the waiting, not dockerd
    done
    if [ -n "$stopping" ] || { [ "$code" -ne 0 ] && [ "$code" -le 128 ]; }; then
        exit "$code"
    fi
    rm -f /var/run/docker.pid # a killed dockerd's; containerd and the containers may live on
done
