# shellcheck shell=bash disable=SC2034,SC2154 # variables for, and from, the scripts that source this
# What every command of this folder shares: where things live, how it speaks, and
# what it needs from the host. Sourced, never run.

here=${here:?the script that sources this file sets it to its own folder}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/coach-operator/cluster
CLUSTER_DIR=$(realpath -m "${CLUSTER_DIR:-$cache/run}")

say() { echo "$*" >&2; }

fail() { # LINE...: say why and how to go on, then end
  printf '%s\n' "${0##*/}: $1" "${@:2}" >&2
  exit 1
}

# parts_hash names the sources of the programs: the same sources give the same name
# in every checkout, so checkouts share one build and none runs another's programs.
parts_hash() {
  (
    cd "$here" || exit
    uname -m
    find build parts -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
  ) | sha256sum | cut -c1-16
}

# bin_dir prints where the programs built from these sources belong, built or not.
bin_dir() { echo "$cache/$(parts_hash)/bin"; }

# lock FILE: hold FILE until this process ends; say so when that means waiting.
# Children that outlive the command must close descriptor 9.
lock() {
  mkdir -p "$(dirname "$1")"
  exec 9>"$1"
  flock -n 9 && return
  say "waiting for another ${0##*/} to finish"
  flock 9
}

# need_linux ends on hosts where none of this can work.
need_linux() {
  [[ $(uname -s) == Linux ]] || fail "this needs Linux, and this is $(uname -s)" \
    "Run it in a Linux virtual machine (2 CPUs and 4 GiB are enough)."
}

# need_root ends unless run by root. The variables named in the way out keep the cache,
# and the Go that fills it, those of the caller.
need_root() {
  ((EUID == 0)) || fail "a node changes addresses, mounts and cgroups, so this needs root" \
    "Run: sudo --preserve-env=HOME,PATH,XDG_CACHE_HOME,CLUSTER_DIR $here/${0##*/}"
}

# need_packages PROGRAM-OR-FILE=PACKAGE...: install the Debian packages whose program or
# file is missing when that is possible without asking, otherwise say how.
need_packages() {
  local pair missing=()
  for pair; do
    local what=${pair%%=*}
    [[ -e $what ]] || command -v "$what" >/dev/null || missing+=("${pair#*=}")
  done
  ((${#missing[@]})) || return 0
  local install=(apt-get install -y -q --no-install-recommends "${missing[@]}")
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    fail "missing on this host: ${missing[*]}" "On Debian or Ubuntu: sudo ${install[*]}"
  fi
  say "apt-get installs ${missing[*]}: the node is built and run with them"
  if ! { timeout 300 apt-get update -q && DEBIAN_FRONTEND=noninteractive timeout 300 "${install[@]}"; } >/dev/null; then
    fail "could not install ${missing[*]} in 300 s" "Install them by hand and try again."
  fi
}

# The node of this host. There can be one only: its addresses are the host's.
socket_dir=/run/coach-cluster
node_name=node-1
node_ip=10.89.0.1
pod_cidr=10.88.0.0/24
service_cidr=10.96.0.0/16
api_service_ip=10.96.0.1
dns_service_ip=10.96.0.10
bridge=coach0
pki=$CLUSTER_DIR/pki
logs=$CLUSTER_DIR/log
admin=$CLUSTER_DIR/admin.kubeconfig

# A proxy of the caller helps build, and must not stand between the parts of the node.
export NO_PROXY=127.0.0.1,$node_ip,$pod_cidr,$service_cidr${NO_PROXY:+,$NO_PROXY}
export no_proxy=$NO_PROXY

kubectl() { KUBECACHEDIR=$CLUSTER_DIR/kubectl "$bin/kubectl" --kubeconfig "$admin" "$@"; }

# ctr leaves out containerd's warning, on each call, that cgroup version 1 will go one day.
ctr() {
  "$bin/ctr" --address "$socket_dir/containerd.sock" --namespace k8s.io "$@" 2> >(grep -v level=warning >&2)
}

# owner prints the state directory of the node that runs here, if one does.
owner() { [[ ! -s $socket_dir/owner ]] || cat "$socket_dir/owner"; }

# need_node ends unless the node of CLUSTER_DIR runs here.
need_node() {
  [[ $(owner) == "$CLUSTER_DIR" && -S $socket_dir/containerd.sock ]] ||
    fail "no node of $CLUSTER_DIR runs on this host" "Start it: $here/up"
}
