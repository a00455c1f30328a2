#!/usr/bin/env bash
# What forwarding costs: goclaw beside nginx, a bare hyper proxy and LiteLLM, in front of the same upstream, in one run.
# Installs wrk, nginx and LiteLLM if they are missing, builds, measures, and prints the tables of docs/benchmarks.md.
#
# Usage: benches/forward.sh [ROUNDS [SECONDS]], by default 3 rounds of 2 seconds for each load and each proxy.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf 'forward.sh: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

install_packages() {
    local packages=("$@") as_root=()
    has apt-get || fail "this machine has no apt-get: install ${packages[*]} in its own way, then run this again."
    if [ "$(id -u)" -ne 0 ]; then
        if ! has sudo || ! sudo -n true 2>/dev/null; then
            fail "installing what is missing needs root; type: sudo apt-get update && sudo apt-get install -y ${packages[*]}"
        fi
        as_root=(sudo -n)
    fi
    say "installing ${packages[*]}"
    "${as_root[@]}" apt-get update --quiet --quiet >&2
    # No web server of the distribution shall start because of this.
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install --yes --quiet --quiet --no-install-recommends "${packages[@]}" </dev/null >&2
}

has cargo || fail "cargo is missing: install Rust 1.95 or newer, then run this again."
# Debian keeps nginx where only root looks for programs.
PATH=$PATH:/usr/sbin
packages=()
has wrk || packages+=(wrk)
if ! has python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then packages+=(python3 python3-venv); fi
has nginx || packages+=(nginx)
if [ "${#packages[@]}" -gt 0 ]; then
    install_packages "${packages[@]}"
fi

readonly litellm_version=1.108.7
readonly litellm=target/litellm-$litellm_version
if [ ! -e "$litellm/complete" ]; then
    say "installing LiteLLM $litellm_version into $litellm"
    rm -rf "$litellm"
    mkdir -p target
    python3 -m venv "$litellm"
    "$litellm/bin/pip" install --quiet --disable-pip-version-check "litellm[proxy]==$litellm_version" ||
        fail "pip could not install LiteLLM; see what it said above."
    touch "$litellm/complete"
fi

# The tools first: the gateway that is measured is the one that a user builds, without the features of the tests.
say "building (some minutes the first time)"
cargo build --quiet --release --locked --example forward
cargo build --quiet --release --locked

# Two connections for each of a thousand streams.
ulimit -n 8192 2>/dev/null || ulimit -n "$(ulimit -H -n)"

exec target/release/examples/forward measure target/release/goclaw "$litellm/bin/litellm" "$@"
