#!/usr/bin/env bash
# Runs real API clients against a gateway, with the simulator as its provider, and prints the results.
# Installs missing tools and the clients; safe to repeat.
#
# Usage: tests/clients/run.sh             all clients; rewrites the tables in docs/clients.md
#        tests/clients/run.sh CLIENT...   these clients
#        tests/clients/run.sh --fast      the clients of ./test.sh
#
# PROGRAMS names a folder with the gateway and the simulator; if it is unset, both are built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/tools.sh

if [ -z "${PROGRAMS:-}" ]; then
    need_cargo
    need cc gcc libc6-dev
fi
need_python
need node nodejs
need npm npm
# Codex and aider look for a repository.
need git git
if [ "${1:-}" != --fast ]; then need go golang-go; fi
install_packages

if [ -z "${PROGRAMS:-}" ]; then
    say "building the gateway and the simulator"
    # Builds the tests too, so that the features are the same and nothing is rebuilt after a test run.
    cargo build --quiet --locked --workspace --bins --tests
    PROGRAMS=$PWD/target/debug
fi
export PYTHONDONTWRITEBYTECODE=1
exec python3 tests/clients/runner.py "$PROGRAMS" "$@"
