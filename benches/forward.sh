#!/usr/bin/env bash
# Measures the cost of forwarding: compares goclaw with nginx, a bare hyper proxy and LiteLLM in front of the same
# upstream. Installs wrk, nginx and LiteLLM if they are missing, builds, measures, and prints the tables of
# docs/benchmarks.md.
#
# Usage: benches/forward.sh [ROUNDS [SECONDS]], by default 3 rounds of 2 seconds for each load and each proxy.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. tests/tools.sh

need_cargo
# Debian installs nginx in /usr/sbin. RUNLEVEL=1 keeps its service from starting.
PATH=$PATH:/usr/sbin RUNLEVEL=1
need wrk wrk
need_python
need nginx nginx
install_packages
litellm=$(python_tools 'litellm[proxy]==1.108.7')

# The tools are built separately, so that the measured gateway has the features of a user's build, not those of the
# tests.
say "building (some minutes the first time)"
cargo build --quiet --release --locked --example forward
cargo build --quiet --release --locked

# Each of the thousand streams needs two connections.
ulimit -n 8192 2>/dev/null || ulimit -n "$(ulimit -H -n)"

exec target/release/examples/forward measure target/release/goclaw "$litellm/bin/litellm" "$@"
