# shellcheck shell=bash disable=SC2154 # common.sh and the script that sources this set the variables
# What the node changes on its host, and how that is taken back: an address, settings of
# the kernel, cgroups, mounts, a bridge and rules of the packet filter.

cgroups=/sys/fs/cgroup
cgroup=coach-cluster # every pod lives below this cgroup, so none can be missed at the end

# Folders that programs of the node make outside of its own, with no say in where. Those
# that were not there at the first up are the node's to delete.
strays=(/var/lib/kubelet /var/lib/cni /var/log/containers)

# Pods may reach the host, also where it refuses what it does not know.
from_pods=(-i "$bridge" -j ACCEPT)

# Settings that kube-proxy, the kubelet or this file change, kept so that down can put
# them back.
settings=(
  kernel/keys/root_maxbytes kernel/keys/root_maxkeys kernel/panic kernel/panic_on_oops
  net/bridge/bridge-nf-call-iptables net/ipv4/ip_forward net/ipv4/conf/all/route_localnet
  vm/overcommit_memory vm/panic_on_oom
)

need_programs() {
  need_packages openssl=openssl iptables=iptables conntrack=conntrack ip=iproute2 ss=iproute2 \
    setsid=util-linux mount=mount
}

# claim_host takes the host for CLUSTER_DIR, unless something on it is in the way.
claim_host() {
  local other
  other=$(owner)
  [[ -z $other || $other == "$CLUSTER_DIR" ]] ||
    fail "this host already runs the node of $other" "End that one first: CLUSTER_DIR=$other $here/down"
  range_free "$node_ip/32" lo
  range_free "$pod_cidr" "$bridge"
  range_free "$service_cidr" "$bridge"
  [[ -e $CLUSTER_DIR/.coach-cluster || ! -e $CLUSTER_DIR || -z $(ls -A "$CLUSTER_DIR") ]] ||
    fail "$CLUSTER_DIR holds something that is not a node" "Choose another folder with CLUSTER_DIR."
  (umask 077 && mkdir -p "$CLUSTER_DIR" "$socket_dir")
  [[ -e $CLUSTER_DIR/.coach-cluster ]] || absent "${strays[@]}" >"$CLUSTER_DIR/.coach-cluster"
  echo "$CLUSTER_DIR" >"$socket_dir/owner"
}

# absent PATH... prints those that do not exist.
absent() {
  local path
  for path; do [[ -e $path ]] || echo "$path"; done
}

# range_free PREFIX DEVICE ends when a device other than DEVICE has an address in the range.
range_free() {
  local taken
  taken=$(ip -o -4 addr show to "$1" | awk -v mine="$2" '$2 != mine {print $4 " on " $2}')
  [[ -z $taken ]] || fail "the node needs $1, which is taken: $taken" \
    "Remove that device or that address (podman and docker networks often live there)."
}

# prepare_host lets pods run here and reach the host at the node's address. The kernel asks
# for a route before kube-proxy's rules replace the address of a Service: a host that is
# offline has none, and one that leads elsewhere would let callers of no Service wait. This
# one ends at the host, which refuses at once.
prepare_host() {
  ip link set lo up
  ip addr replace "$node_ip/32" dev lo
  ip route replace local "$service_cidr" dev lo src "$node_ip"
  modprobe -a br_netfilter overlay 2>/dev/null || true
  [[ -e $socket_dir/settings ]] || remember_settings >"$socket_dir/settings"
  echo 1 >/proc/sys/net/ipv4/ip_forward
  { echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables; } 2>/dev/null || true
  iptables -w -C INPUT "${from_pods[@]}" 2>/dev/null ||
    iptables -w -I INPUT "${from_pods[@]}" 2>"$logs/iptables.log" ||
    fail "iptables does not work on this host" "$(<"$logs/iptables.log")" \
      "Where the kernel has no nf_tables: update-alternatives --set iptables /usr/sbin/iptables-legacy"
  prepare_cgroups
}

remember_settings() {
  local name
  for name in "${settings[@]}"; do
    [[ ! -r /proc/sys/$name ]] || echo "$name $(<"/proc/sys/$name")"
  done
}

# bridge_filtered: does traffic between two pods pass the packet filter?
bridge_filtered() { [[ $(cat /proc/sys/net/bridge/bridge-nf-call-iptables 2>/dev/null) == 1 ]]; }

# prepare_cgroups makes the node's cgroup, with the controllers that pods need.
prepare_cgroups() {
  local controller kind
  kind=$(stat -fc %T "$cgroups")
  case $kind in
  cgroup2fs) delegate_controllers ;;
  tmpfs)
    for controller in cpu cpuacct cpuset devices freezer memory pids; do
      mountpoint -q "$cgroups/$controller" || fail "the cgroup controller $controller is not mounted" \
        "Mount it: mkdir -p $cgroups/$controller && mount -t cgroup -o $controller cgroup $cgroups/$controller"
    done
    for controller in "$cgroups"/*/; do mkdir -p "$controller$cgroup"; done
    ;;
  *) fail "$cgroups is of type $kind" "Mount cgroups there: mount -t cgroup2 cgroup $cgroups" ;;
  esac
}

# delegate_controllers makes the node's cgroup and hands it the controllers that the kubelet
# asks for wherever the host has them (cgroup version 2).
delegate_controllers() {
  local offered controller
  offered=" $(<"$cgroups/cgroup.controllers") "
  for controller in cpu memory pids; do
    [[ $offered == *" $controller "* ]] || fail "this host offers no cgroup controller $controller" \
      "Its cgroup version 2 offers:$offered" \
      "Boot without cgroup version 1, or give the container that this is all controllers."
  done
  leave_root
  mkdir -p "$cgroups/$cgroup"
  for controller in cpu cpuset hugetlb io memory pids; do
    [[ $offered == *" $controller "* ]] || continue
    { echo "+$controller" >"$cgroups/cgroup.subtree_control"; } 2>/dev/null ||
      fail "cannot hand the cgroup controller $controller down to pods" \
        "$cgroups may be read-only, or processes sit in it that cannot be moved."
  done
}

# leave_root moves the processes of the root cgroup into one below it, when it is only the
# root of what a container sees: such a cgroup hands nothing down while it holds processes.
leave_root() {
  local processes process tries=20
  [[ -e $cgroups/cgroup.type ]] || return 0
  mkdir -p "$cgroups/init"
  while mapfile -t processes <"$cgroups/cgroup.procs" && ((${#processes[@]} && tries-- > 0)); do
    for process in "${processes[@]}"; do
      { echo "$process" >"$cgroups/init/cgroup.procs"; } 2>/dev/null || true
    done
  done
}

# release_host undoes all that the node changed.
release_host() {
  kill_pods
  unmount_all
  remove_network
  remove_rules iptables
  remove_rules ip6tables
  restore_settings
  remove_strays
  rm -rf "$socket_dir"
}

remove_strays() {
  local path
  rm -f /var/lib/cni/results/coach-*
  [[ ! -d /var/log/containers ]] || find /var/log/containers -lname "$CLUSTER_DIR/*" -delete
  [[ -e $CLUSTER_DIR/.coach-cluster ]] || return 0
  while read -r path; do rm -rf --one-file-system "$path"; done <"$CLUSTER_DIR/.coach-cluster"
}

# pod_cgroups prints the node's cgroups, the innermost first.
pod_cgroups() { find "$cgroups/$cgroup" "$cgroups"/*/"$cgroup" -depth -type d 2>/dev/null || true; }

# kill_pods ends every process in the node's cgroups and every shim that watched one, and
# removes the cgroups.
kill_pods() {
  local folder processes deadline=$((SECONDS + 20))
  while mapfile -t processes < <(pod_processes && shims) && ((${#processes[@]} && SECONDS < deadline)); do
    kill -s KILL "${processes[@]}" 2>/dev/null || true
    sleep 0.1
  done
  pod_cgroups | while read -r folder; do rmdir "$folder" 2>/dev/null || true; done
}

# pod_processes prints the processes in the node's cgroups, which may vanish meanwhile.
pod_processes() {
  local folder
  pod_cgroups | while read -r folder; do cat "$folder/cgroup.procs" 2>/dev/null || true; done
}

# shims prints the processes that hold containers for containerd.
shims() {
  local entry args
  for entry in /proc/[0-9]*; do
    args=()
    { mapfile -d '' -t args <"$entry/cmdline"; } 2>/dev/null || continue
    if [[ ${args[0]:-} == */containerd-shim-runc-v2 && " ${args[*]} " == *" $socket_dir/containerd.sock "* ]]; then
      echo "${entry#/proc/}"
    fi
  done
}

# unmount_all unmounts what lies below the node's folders, the innermost first.
unmount_all() {
  local path
  awk '{print $5}' /proc/self/mountinfo | sort -r | while read -r path; do
    path=$(printf %b "${path//\\/\\0}")
    case $path in
    "$CLUSTER_DIR"/* | "$socket_dir"/*) unmount "$path" ;;
    esac
  done
}

# unmount PATH, at the latest when its last user releases it.
unmount() {
  umount "$1" 2>/dev/null || umount -l "$1" 2>/dev/null || ! mountpoint -q "$1" || say "$1 stays mounted"
}

# remove_network removes the bridge, what is plugged into it and the node's addresses.
remove_network() {
  local device
  for device in $(ip -o link show master "$bridge" 2>/dev/null | awk -F'[ @:]+' '{print $2}'); do
    ip link delete "$device" 2>/dev/null || true
  done
  ip link delete "$bridge" 2>/dev/null || true
  ip route del local "$service_cidr" dev lo 2>/dev/null || true
  ip addr del "$node_ip/32" dev lo 2>/dev/null || true
  iptables -w -D INPUT "${from_pods[@]}" 2>/dev/null || true
}

# remove_rules IPTABLES: remove the chains of kube-proxy, the kubelet and the network
# plugins, and the rules elsewhere that lead to them; all other rules stay untouched.
remove_rules() {
  command -v "$1" >/dev/null || return 0
  "$1-save" 2>/dev/null | awk '
    function ours(chain) { return chain ~ /^(KUBE|CNI)-/ }
    /^\*/ { table = $0; uses = flush = drop = "" }
    /^:/ { chain = substr($1, 2); if (ours(chain)) { flush = flush "-F " chain "\n"; drop = drop "-X " chain "\n" } }
    /^-A / && !ours($2) && / -j (KUBE|CNI)-/ { sub(/^-A/, "-D"); uses = uses $0 "\n" }
    /^COMMIT/ { if (drop) printf "%s\n%s%s%sCOMMIT\n", table, uses, flush, drop }
  ' | "$1-restore" -w --noflush 2>/dev/null || say "some rules of $1 could not be removed"
}

restore_settings() {
  local name value
  [[ -e $socket_dir/settings ]] || return 0
  while read -r name value; do
    { echo "$value" >"/proc/sys/$name"; } 2>/dev/null || true
  done <"$socket_dir/settings"
}
