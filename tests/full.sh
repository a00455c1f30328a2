#!/usr/bin/env bash
# Runs the checks that CI does not run and prints a table of the results for docs/testing.md. Continues after a
# failed step, and exits with 1 if one failed. Installs missing tools; safe to repeat.
#
# Usage: tests/full.sh [STEP...]; the default is all steps.
#
#   dependencies     cargo-deny: banned crates, licences, sources
#   clients          released API clients against a running gateway; rewrites the tables of docs/clients.md
#   generated_clients  clients generated from openapi/v1.json, against a running gateway
#   kill, pauses, storm, soak, races, provider_faults, store_faults, restores
#                    the long form of each proof, in a release build
#   previous_release  the previous release and this one on one database (tests/previous_release.sh)
#   page             screenshots, accessibility and behaviour of the page
#   fuzz             each target in fuzz/ for FUZZ_SECONDS, by default 600; needs a nightly toolchain
#   package          the Debian package, images and chart, installed and run (tests/packaging.sh); needs root
#   reverse_proxies  nginx, Caddy and HAProxy with TLS in front of a gateway (tests/reverse_proxies.sh)
#   watching         a real Prometheus reads the metrics and evaluates the alert rules (tests/watching.sh)
#   properties       most property tests, with more and other inputs than in CI
#   mutants          changes to the code of refresh, authorization responses, sealing and header filters, which a test
#                    must detect
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly proofs=(kill pauses storm soak races provider_faults store_faults restores)
readonly all=(dependencies clients generated_clients "${proofs[@]}" previous_release page package reverse_proxies watching properties fuzz mutants)
readonly deny_version=0.20.2 fuzz_version=0.13.2 mutants_version=27.1.0
readonly logs=target/full
. tests/tools.sh

# contains NAME LIST...: succeeds if the list has the name.
contains() {
    local name=$1 entry
    shift
    for entry; do [ "$entry" != "$name" ] || return 0; done
    return 1
}

check_dependencies() {
    local deny
    deny=$(cargo_tool cargo-deny "$deny_version") || return 1
    "$deny" check bans licenses sources
}

# Interesting inputs stay in fuzz/corpus, and the next run begins with them.
fuzz() {
    local tool target
    tool=$(cargo_tool cargo-fuzz "$fuzz_version") || return 1
    for target in $(cd fuzz && RUSTUP_TOOLCHAIN=nightly "$tool" fuzz list); do
        RUSTUP_TOOLCHAIN=nightly "$tool" fuzz run "$target" -- -max_total_time="${FUZZ_SECONDS:-600}" || return 1
    done
}

# Mutates mainly the core, because each mutant needs a build, and the core builds fast without the adapters.
find_mutants() {
    local tool
    tool=$(cargo_tool cargo-mutants "$mutants_version") || return 1
    local common=(mutants --timeout 120 --no-shuffle --no-default-features -C=--test=domain)
    "$tool" "${common[@]}" --output target/mutants/core --file src/domain/authorization_response.rs \
        --file src/domain/pasted_response.rs --file src/domain/sealed.rs --file src/domain/login.rs \
        --file src/domain/scope.rs --file src/domain/api_token.rs --file 'src/domain/proxy/*.rs' || return 1
    "$tool" "${common[@]}" -C=--test=model --output target/mutants/refresh --file 'src/domain/refresh/*.rs' || return 1
    # The cipher decides to which place a secret is bound, so it is the only adapter here.
    "$tool" mutants --timeout 120 --no-shuffle --output target/mutants/cipher --file 'src/adapters/cipher/*.rs' -C=--test=it -- \
        -- secret_cipher seal_vectors app_keys
}

# CI tries the same inputs in every run, so that its result depends on the code alone. This tries many others. The
# filter `scopes::` also matches `token_scopes::`, which has no property tests.
try_other_inputs() {
    local seed=$RANDOM$RANDOM
    PROPTEST_RNG_SEED=$seed PROPTEST_CASES=20000 cargo test --locked --test domain --test it -- \
        dialect:: claims:: scopes:: json:: proxy:: hostile_texts:: seal_vectors:: pasted_addresses:: settings:: \
        --skip token_scopes:: ||
        { printf 'PROPTEST_RNG_SEED=%s PROPTEST_CASES=20000 repeats these inputs\n' "$seed"; return 1; }
}

# One proof at a time, because each needs the whole machine.
run_proof() { cargo test --release --locked --test proof -- "$1" --long --test-threads=1 --nocapture; }

run_step() {
    case $1 in
        dependencies) check_dependencies ;;
        clients) tests/clients/run.sh ;;
        generated_clients) tests/generated_clients/run.sh ;;
        page) tests/page.sh ;;
        previous_release) tests/previous_release.sh ;;
        reverse_proxies) tests/reverse_proxies.sh ;;
        package) tests/packaging.sh ;;
        watching) tests/watching.sh ;;
        fuzz) fuzz ;;
        mutants) find_mutants ;;
        properties) try_other_inputs ;;
        *) run_proof "$1" ;;
    esac
}

rows=()
failed=0

# run_timed NAME: runs a step, writes its output to a log, and records its result and time.
run_timed() {
    local name=$1 begun=$SECONDS result=ok
    say "$name (log: $logs/$name.log)"
    # `set -e` has no effect inside a condition, so a step is one command or checks each command.
    if ! run_step "$name" >"$logs/$name.log" 2>&1 </dev/null; then
        result=FAILED
        failed=1
        tail -n 20 "$logs/$name.log" >&2
    fi
    say "$name: $result, $((SECONDS - begun)) s"
    rows+=("| $name | $result | $((SECONDS - begun)) s |")
}

print_summary() {
    local commit
    commit=$(git rev-parse --short HEAD 2>/dev/null || printf unknown)
    [ -z "$(git status --porcelain 2>/dev/null)" ] || commit="$commit, with changes"
    printf '\n%s, commit %s, %s cores, %s:\n\n' "$(date --utc +%F)" "$commit" "$(nproc)" "$(rustc --version | cut -d' ' -f1,2)"
    printf '| step | result | time |\n|---|---|---|\n'
    printf '%s\n' "${rows[@]}"
}

steps=("${all[@]}")
if [ $# -gt 0 ]; then
    for name; do
        contains "$name" "${all[@]}" || { printf 'usage: %s [STEP...]; steps are: %s\n' "$0" "${all[*]}" >&2; exit 2; }
    done
    steps=("$@")
fi

need_cargo
need cc gcc libc6-dev
needs_proofs=
for name in "${steps[@]}"; do
    if contains "$name" "${proofs[@]}" previous_release; then needs_proofs=1; fi
done
if [ -n "$needs_proofs" ]; then
    need_postgres
    # start_postgres uses Python to choose a port and a password.
    need python3 python3
fi
install_packages
mkdir -p "$logs"
if [ -n "$needs_proofs" ]; then start_postgres; fi

for name in "${steps[@]}"; do run_timed "$name"; done
print_summary
exit "$failed"
