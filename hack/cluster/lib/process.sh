# shellcheck shell=bash disable=SC2154 # common.sh and the script that sources this set the variables
# The programs of the node as processes. The process table itself says what runs: a
# program of the node is a process called .../bin/NAME whose arguments name CLUSTER_DIR.
# There is no pid file, so none can be stale after a crash or a reboot.

declare -A fresh=() # the process of each program that this command started, by name

# The addresses that each program listens on.
declare -A listens=(
  [etcd]="127.0.0.1:12379 127.0.0.1:12380 127.0.0.1:12381"
  [kube-apiserver]="$node_ip:6443"
  [kube-controller-manager]="127.0.0.1:10257"
  [kube-scheduler]="127.0.0.1:10259"
  [kubelet]="$node_ip:10250 127.0.0.1:10248"
  [kube-proxy]="127.0.0.1:10256 127.0.0.1:10249"
)

# process_of NAME prints the process of a program, and nothing when it does not run.
process_of() {
  local entry args
  for entry in /proc/[0-9]*; do
    args=()
    { mapfile -d '' -t args <"$entry/cmdline"; } 2>/dev/null || continue
    if [[ ${args[0]:-} == */bin/"$1" && "${args[*]:1}" == *"$CLUSTER_DIR/"* ]]; then
      echo "${entry#/proc/}"
      return
    fi
  done
}

# launch NAME [FILE...] -- [ARG...]: see to it that the program runs, from this build, with
# these arguments and with these files as they are now; restart it when any of them differ.
launch() {
  local name=$1 files=(/dev/null) mark process
  shift
  while [[ $1 != -- ]]; do
    files+=("$1")
    shift
  done
  shift
  mark=COACH_CLUSTER_MARK=$({ printf '%s\0' "$bin/$name" "$@" && cat "${files[@]}"; } | sha256sum | cut -c1-16)
  process=$(process_of "$name")
  if [[ $process ]]; then
    grep -qzFx "$mark" "/proc/$process/environ" 2>/dev/null && return
    say "$name: its program or settings changed, restarting"
    stop "$name"
  fi
  ports_free "$name"
  [[ ! -e $logs/$name.log ]] || mv -f "$logs/$name.log" "$logs/$name.log.1"
  env "$mark" setsid "$bin/$name" "$@" >"$logs/$name.log" 2>&1 </dev/null 9>&- &
  fresh[$name]=$!
}

# ports_free NAME ends when somebody else has an address that the program needs.
ports_free() {
  local address port line
  for address in ${listens[$1]:-}; do
    port=${address##*:}
    while read -r _ _ _ line; do
      case ${line%% *} in
      "$address" | "0.0.0.0:$port" | "*:$port" | "[::]:$port")
        fail "$1 needs $address, which is taken" "By: $line" "Stop that program, then run up again."
        ;;
      esac
    done < <(ss -Hltnp "sport = :$port")
  done
}

# await NAME SECONDS CHECK...: wait until the check succeeds. A program that ran before
# and does not answer is started once more; run_NAME does that.
await() {
  local name=$1 patience=$2
  shift 2
  if [[ ! ${fresh[$name]:-} ]]; then
    poll "$name" 15 "$@" && return
    say "$name: runs but does not answer, restarting"
    stop "$name"
    "run_$name"
  fi
  poll "$name" "$patience" "$@" && return
  if [[ $(process_of "$name") ]]; then
    broken "$name" "$name does not answer after $patience s"
  fi
  broken "$name" "$name ended"
}

# poll NAME SECONDS CHECK...: run the check until it succeeds, the program has ended or
# the time is up.
poll() {
  local name=$1 deadline=$((SECONDS + $2)) process=${fresh[$1]:-}
  shift 2
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    [[ ! $process ]] || kill -0 "$process" 2>/dev/null || return 1
    sleep 0.1
  done
}

# broken NAME WHY: end, showing the last lines that the program logged.
broken() {
  say "the last lines of $logs/$1.log:"
  tail -n 20 "$logs/$1.log" >&2 || true
  fail "$2" "If nothing else helps, start afresh: $here/down --purge && $here/up"
}

# stop NAME...: ask the programs to end, and see to it that they have.
stop() {
  local name process last signal deadline
  for name; do
    last='' signal=TERM deadline=$((SECONDS + 10))
    while process=$(process_of "$name") && [[ $process ]]; do
      ((SECONDS < deadline)) || signal=KILL
      # A program that somebody stopped must run on to notice that it is to end.
      ! kill -s $signal "$process" 2>/dev/null || kill -s CONT "$process" 2>/dev/null || true
      last=$process
      sleep 0.1
    done
    until [[ ! $last ]] || gone "$last"; do sleep 0.1; done
    unset "fresh[$name]"
  done
}

# gone PROCESS: has it released its ports and files? It loses its command line before those.
gone() {
  local status
  { read -r status <"/proc/$1/stat"; } 2>/dev/null || return 0
  [[ ${status##*) } == [ZX]* ]]
}

# answers ADDRESS PORT PATH: does a plain HTTP request there succeed within 3 s?
answers() {
  # shellcheck disable=SC2016 # the other bash expands it
  timeout 3 bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf "GET %s HTTP/1.0\r\n\r\n" "$3" >&3 &&
    IFS= read -r status <&3 && [[ $status == *" 200 "* ]]' answers "$@" 2>/dev/null
}

# ready SERVER PATH: does the Kubernetes program at that URL call itself healthy?
ready() { kubectl --server "$1" --request-timeout 5s get --raw "$2" >/dev/null 2>&1; }

# serves: does containerd answer?
serves() { [[ -S $socket_dir/containerd.sock ]] && ctr version >/dev/null 2>&1; }
