#!/bin/bash
# Runs a command with a Docker engine of its own, which lives in a folder and ends with the command.
#
#   engine.sh FOLDER COMMAND…
#
# Status 77, and why in the last line of stderr, where this machine lets no engine run.
# Rules: root only; reached by a unix socket in the folder and by nothing else; images stay in the
# folder for the next run. What an engine leaves behind in the machine's network (the policy of
# FORWARD, forwarding, its bridge) is put back as it was.
set -euo pipefail

folder=${1:?usage: engine.sh FOLDER COMMAND…}
shift
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
# Debian's client and its plugins belong together; another one may come first on the PATH.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export DOCKER_HOST=unix://$folder/docker.sock

cannot() {
  echo "no engine can run here: $*" >&2
  exit 77
}
[ "$(id -u)" = 0 ] || cannot "it needs root"
iptables -S FORWARD >/dev/null 2>&1 || cannot "iptables may not be asked"

forwarding=$(cat /proc/sys/net/ipv4/ip_forward)
policy=$(iptables -S FORWARD | sed -n '1s/^-P FORWARD //p')
bridge=$([ -e /sys/class/net/docker0 ] && echo yes || echo no)
rules=$(iptables-save)
daemon=

end() {
  if [ -n "$daemon" ]; then
    kill "$daemon" 2>/dev/null || true
    wait "$daemon" 2>/dev/null || true
  fi
  if [ "$bridge" = no ]; then
    ip link delete docker0 2>/dev/null || true
    # No other engine is here: all rules that have come since are this one's.
    for table in filter nat; do
      iptables -t "$table" -F
      iptables -t "$table" -X
    done
    iptables-restore <<<"$rules"
  fi
  iptables -P FORWARD "$policy"
  echo "$forwarding" >/proc/sys/net/ipv4/ip_forward
}
trap end EXIT
trap 'exit 130' INT TERM

# Beside runc, the runtimes that are here: Debian's crun, and what youki.Dockerfile has made.
runtimes=()
for runtime in /usr/bin/crun "$folder/youki"; do
  [ ! -x "$runtime" ] || runtimes+=("\"$(basename "$runtime")\": {\"path\": \"$runtime\"}")
done
printf '{"features": {"buildkit": true}, "runtimes": {%s}}\n' "$(IFS=, && echo "${runtimes[*]-}")" \
  >"$folder/daemon.json"
# A private view of mounts: an engine does not get along with both hierarchies of control groups.
setsid unshare --mount --propagation slave bash -c '
  if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
  exec dockerd --config-file "$0/daemon.json" --data-root "$0/data" --exec-root "$0/run" \
    --pidfile "$0/pid" --host "unix://$0/docker.sock"' "$folder" >"$folder/log" 2>&1 &
daemon=$!

for ((left = 150; left; left--)); do
  if docker info >/dev/null 2>&1; then break; fi
  if ! kill -0 "$daemon" 2>/dev/null || ((left == 1)); then
    tail -n 5 "$folder/log" >&2
    cannot "dockerd does not start"
  fi
  sleep 0.2
done

"$@"
