#!/usr/bin/env bash
# Measures cold, warm and idle connections to a provider that is 20 ms away in each direction, over HTTP/1.1 and HTTP/2.
# Prints the tables of docs/benchmarks.md.
#
# Usage: benches/warm.sh [SECONDS...]: the pause before each further request, by default 60.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. tests/tools.sh

need_cargo
say "building (some minutes the first time)"
cargo build --quiet --release --locked --example warm
cargo build --quiet --release --locked
[ "$#" -gt 0 ] || set -- 60
exec target/release/examples/warm target/release/goclaw "$@"
