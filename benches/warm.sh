#!/usr/bin/env bash
# Measures cold, warm and rested connections to a provider behind 20 ms each way, over HTTP/1.1 and HTTP/2, and prints the
# tables of docs/benchmarks.md.
#
# Usage: benches/warm.sh [SECONDS...]: how long to rest before each further request, by default 60.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. tests/tools.sh

need_cargo
say "building (some minutes the first time)"
cargo build --quiet --release --locked --example warm
cargo build --quiet --release --locked
[ "$#" -gt 0 ] || set -- 60
exec target/release/examples/warm target/release/goclaw "$@"
