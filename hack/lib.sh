# shellcheck shell=bash
# What the scripts of this folder share: how they speak, what they install, and where the programs
# they build are kept. Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # for the scripts that source this
cache=${XDG_CACHE_HOME:-$HOME/.cache}/coach-operator
script=${0##*/}

# phase TEXT: say what begins, with the seconds since the script began.
phase() { printf '%5ds  %s\n' "$SECONDS" "$*" >&2; }

# fail LINE...: say why and how to go on, then end.
fail() {
  printf '%s\n' "$script: $1" "${@:2}" >&2
  exit 1
}

# need PROGRAM=PACKAGE...: install the Debian packages whose program is missing, if that is possible
# without asking; otherwise say how.
need() {
  local pair missing=()
  for pair; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  ((${#missing[@]})) || return 0
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    fail "missing on this host: ${missing[*]}" "On Debian or Ubuntu: sudo apt-get install ${missing[*]}"
  fi
  phase "installing ${missing[*]} (apt-get)"
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"; } \
    >/dev/null || fail "apt-get could not install ${missing[*]}" "Install them by hand and run this again."
}

need_go() {
  command -v go >/dev/null || fail "go is not in PATH" "Install Go 1.26 or newer: https://go.dev/dl"
}

# modules prints the folder of every Go module of the repository, the root as ".".
modules() {
  git -C "$root" ls-files --cached --others --exclude-standard -- 'go.mod' '*/go.mod' | xargs -n1 dirname | LC_ALL=C sort
}

# sources PATTERN... prints the files of the repository that match, new ones included.
sources() { git -C "$root" ls-files --cached --others --exclude-standard -- "$@" | LC_ALL=C sort; }
