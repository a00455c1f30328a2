#!/usr/bin/env bash
# What forwarding costs: goclaw beside nginx, a bare hyper proxy and LiteLLM, in front of the same upstream, in one run.
# Installs wrk, nginx and LiteLLM if they are missing, builds, measures, and prints the tables of docs/benchmarks.md.
#
# Usage: benches/forward.sh [ROUNDS [SECONDS]], by default 3 rounds of 2 seconds for each load and each proxy.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. tests/tools.sh

need_cargo
# Debian keeps nginx where only root looks for programs; it shall not start because it is installed.
PATH=$PATH:/usr/sbin RUNLEVEL=1
need wrk wrk
need_python
need nginx nginx
install_packages
litellm=$(python_tools 'litellm[proxy]==1.108.7')

# The tools first: the gateway that is measured is the one that a user builds, without the features of the tests.
say "building (some minutes the first time)"
cargo build --quiet --release --locked --example forward
cargo build --quiet --release --locked

# Two connections for each of a thousand streams.
ulimit -n 8192 2>/dev/null || ulimit -n "$(ulimit -H -n)"

exec target/release/examples/forward measure target/release/goclaw "$litellm/bin/litellm" "$@"
