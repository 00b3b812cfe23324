# shellcheck shell=bash
# What the scripts of this folder share: how they speak, what they install, and where the programs
# they build are kept. Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # for the scripts that source this
cache=${XDG_CACHE_HOME:-$HOME/.cache}/coach-operator
script=${0##*/}

# One kind of build for everything but the race detector: each kind compiles every dependency anew. Without
# the checkout's path in it, two clones share the build cache.
export CGO_ENABLED=0 GOFLAGS="-trimpath ${GOFLAGS:-}"

# phase TEXT: say what begins, with the seconds since the script began. With `phases` set to how many
# there are, it also says which one of them this is.
phases=0 reached=0
phase() {
  reached=$((reached + 1))
  if ((phases)); then
    printf '%2d/%d %4ds  %s\n' "$((reached < phases ? reached : phases))" "$phases" "$SECONDS" "$*" >&2
  else
    printf '%5ds  %s\n' "$SECONDS" "$*" >&2
  fi
}

# note TEXT: say something within a phase.
note() {
  if ((phases)); then
    printf '%2d/%d %4ds    %s\n' "$((reached < phases ? reached : phases))" "$phases" "$SECONDS" "$*" >&2
  else
    printf '%5ds    %s\n' "$SECONDS" "$*" >&2
  fi
}

# notes makes notes of the lines that it reads, apart from go's about its downloads. A script's own stamp
# gives way to that of its caller.
notes() {
  local line
  while IFS= read -r line; do
    [[ $line == 'go: downloading '* ]] || note "$(sed -E 's/^ *([0-9]+\/[0-9]+ +)?[0-9]+s  //' <<<"$line")"
  done
}

# noted COMMAND...: run a command whose messages are notes. What it prints to stdout stays there.
noted() { { "$@" 2>&1 >&3 3>&- | notes; } 3>&1; } # a program that stays, such as a node, must not keep 3 open

# fail LINE...: say why and how to go on, then end.
fail() {
  printf '%s\n' "$script: $1" "${@:2}" >&2
  exit 1
}

# installTime is how many seconds apt-get may take.
installTime=300

# reason PACKAGE: what a Debian package is for.
reason() {
  case $1 in
  python3) echo "moto, behind the sandbox AWS" ;;
  gcc | libc6-dev) echo "the race detector" ;;
  util-linux) echo "locks" ;;
  shellcheck) echo "the check of scripts" ;;
  git) echo "the list of sources" ;;
  *) echo "$script needs it" ;;
  esac
}

# need PROGRAM-OR-FILE=PACKAGE...: install the Debian packages whose program or file is missing, if that is
# possible without asking; otherwise say how.
need() {
  local pair package missing=()
  for pair; do
    [[ -e ${pair%%=*} ]] || command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  ((${#missing[@]})) || return 0
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    fail "missing on this host: ${missing[*]}" "On Debian or Ubuntu: sudo apt-get install ${missing[*]}"
  fi
  for package in "${missing[@]}"; do
    note "apt-get installs $package: $(reason "$package")"
  done
  {
    timeout "$installTime" apt-get update -q &&
      DEBIAN_FRONTEND=noninteractive timeout "$installTime" apt-get install -y -q --no-install-recommends "${missing[@]}"
  } >/dev/null || fail "apt-get could not install ${missing[*]} in $installTime s" "Install them by hand and run this again."
}

need_go() {
  command -v go >/dev/null || fail "go is not in PATH" "Install Go 1.26 or newer: https://go.dev/dl"
}

# ground --node|--host: build or install what the tests run against, outside the checkout, once, and export where
# it is. It takes three phases.
ground() {
  if [[ ${1:-} == --node ]]; then
    phase "Kubernetes programs (the first time compiles them: ten minutes)"
    KUBEBUILDER_ASSETS=$(noted hack/cluster/build | tail -1)
  else
    phase "kube-apiserver, etcd, kubectl (the first time compiles them: five minutes)"
    KUBEBUILDER_ASSETS=$(noted hack/cluster/build --assets | tail -1)
  fi
  phase "moto, in a Python environment"
  SANDBOX_MOTO=$(noted cmd/sandbox/moto/install | tail -1)
  phase "PostgreSQL"
  SANDBOX_POSTGRES=$(noted cmd/sandbox/postgres/install | tail -1)
  export KUBEBUILDER_ASSETS SANDBOX_MOTO SANDBOX_POSTGRES
  # Several API servers start at once on a machine that is busy with tests; 20 s is not enough for that.
  export KUBEBUILDER_CONTROLPLANE_START_TIMEOUT=3m
}

# modules prints the folder of every Go module of the repository, the root as ".".
modules() {
  git -C "$root" ls-files --cached --others --exclude-standard -- 'go.mod' '*/go.mod' | xargs -n1 dirname | LC_ALL=C sort
}

# sources PATTERN... prints the files of the repository that match, new ones included.
sources() { git -C "$root" ls-files --cached --others --exclude-standard -- "$@" | LC_ALL=C sort; }
