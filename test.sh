#!/usr/bin/env bash
# Installs missing tools, then runs all tests of cargo, tests/schemathesis.sh and the most used API clients. All other
# suites are in tests/full.sh. Safe to repeat.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

. tests/tools.sh

need_cargo
need cc gcc libc6-dev
need curl curl
need_postgres
# The distribution's browser and driver match each other and get security updates.
need chromium chromium
need chromedriver chromium-driver
need_python
need node nodejs
need npm npm
install_packages

venv=$(python_tools openapi-spec-validator==0.9.0 schemathesis==4.32.5)
TEST_NODE_FOLDER=$(node_tools axe-core@4.14.1)
export TEST_NODE_FOLDER

start_postgres

# A fixed seed: the property tests try the same inputs in every run. `tests/full.sh properties` tries others.
export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-1}

say "running all tests of the workspace"
# Most tests wait for processes and timeouts, so about twice as many threads as cores run them. `--tests` skips the
# programs of the benches, which have no tests and are checked by clippy.
RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc) + 1))} cargo test --workspace --locked --tests
cargo test --workspace --locked --doc

say "validating openapi/v1.json"
"$venv/bin/openapi-spec-validator" openapi/v1.json

say "testing a running API against its contract"
tests/schemathesis.sh "$venv"

say "running the most used API clients against a gateway"
tests/clients/run.sh --fast

say "all tests passed"
