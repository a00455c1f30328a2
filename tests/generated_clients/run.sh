#!/usr/bin/env bash
# Generates API clients from openapi/v1.json with five public generators, compiles each, and calls a gateway with each.
# Also lints the document. The provider is the simulator. Installs missing tools; safe to repeat.
#
# Usage: tests/generated_clients/run.sh [STEP...]; the default is all steps: lint, typescript, python, go, java, rust.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly redocly=2.77.0 spectral=6.16.3
readonly openapi_typescript=7.13.0 openapi_fetch=0.17.0 typescript=5.9.3
readonly openapi_python_client=0.29.1 mypy=2.4.1
readonly oapi_codegen=2.8.2 go_minimum=1.25
readonly openapi_generator=7.25.0 maven_dependency_plugin=3.8.1
readonly progenitor=0.15.1
readonly steps=(lint typescript python go java rust)
readonly root=$PWD contract=$PWD/openapi/v1.json sources=$PWD/tests/generated_clients
. tests/tools.sh

# --- One folder per client; each function runs in it.

title_lint() { echo "redocly $redocly, spectral $spectral"; }
title_typescript() { echo "openapi-typescript $openapi_typescript"; }
title_python() { echo "openapi-python-client $openapi_python_client"; }
title_go() { echo "oapi-codegen $oapi_codegen"; }
title_java() { echo "openapi-generator $openapi_generator"; }
title_rust() { echo "progenitor $progenitor"; }

lint() {
    export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
    local result=0
    "$node/redocly" lint "$contract" --config "$sources/redocly.yaml" || result=1
    "$node/spectral" lint "$contract" --ruleset "$sources/spectral.yaml" --fail-severity hint || result=1
    return "$result"
}

compile_typescript() {
    ln -s "$(dirname "$node")" node_modules
    echo '{"type": "module"}' >package.json
    cp "$sources"/typescript/* .
    "$node/openapi-typescript" "$contract" --output schema.ts
    "$node/tsc"
}

call_typescript() { node out/calls.js; }

compile_python() {
    # The generator runs ruff from PATH.
    PATH=$python:$PATH openapi-python-client generate --path "$contract" --meta none --output-path api --fail-on-warning
    cp "$sources/python/calls.py" .
    # client.py is the same for every document and has type errors, so only the files named here are checked.
    "$python/mypy" --follow-imports silent api/api api/models calls.py
}

call_python() { "$python/python" calls.py; }

compile_go() {
    cp "$sources"/go/* .
    mkdir api
    go run "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v$oapi_codegen" \
        -generate types,client -package api -o api/api.go "$contract"
    go vet ./...
    go build -o calls .
}

call_go() { ./calls; }

compile_java() {
    java -jar "$generator" generate --input-spec "$contract" --generator-name java --library native --output .
    cp "$sources/java/Calls.java" src/main/java
    mvn --quiet --batch-mode compile \
        "org.apache.maven.plugins:maven-dependency-plugin:$maven_dependency_plugin:build-classpath" \
        -Dmdep.outputFile=classpath -Dmdep.includeScope=runtime
}

call_java() { java -cp "target/classes:$(<classpath)" Calls; }

compile_rust() {
    cp "$root/rust-toolchain.toml" "$sources"/rust/* .
    cp "$contract" .
    rust_cargo build --quiet --locked
}

call_rust() { "$root/target/generated-clients/debug/calls"; }

# Keeps the compiled dependencies in target/.
rust_cargo() { env -u CARGO_BUILD_BUILD_DIR CARGO_TARGET_DIR="$root/target/generated-clients" cargo "$@"; }

# --- A gateway, and a provider behind it.

folder=$(mktemp -d)
simulator=
gateway=

# stop PID: ends a process and waits for it, at most ten seconds before SIGKILL. Does nothing for an empty PID.
stop() {
    [ -n "$1" ] || return 0
    kill "$1" 2>/dev/null || return 0
    for _ in $(seq 100); do
        kill -0 "$1" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}
trap 'stop "$gateway"; stop "$simulator"; rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# wait_for PID LOG COMMAND...: waits until the command succeeds, at most half a minute and while the process runs.
wait_for() {
    local pid=$1 log=$2
    shift 2
    for _ in $(seq 300); do
        ! "$@" || return 0
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    cat "$log" >&2
    fail "a server did not start; see what it said above."
}

start_simulator() {
    target/debug/goclaw-simulator --approval auto >"$folder/simulator.json" 2>"$folder/simulator.log" &
    simulator=$!
    wait_for "$simulator" "$folder/simulator.log" test -s "$folder/simulator.json"
}

# address MEMBER: prints an address of the simulator.
address() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$folder/simulator.json" "$1"; }

# start_gateway FOLDER: starts a gateway without accounts, and exports GOCLAW_URL and GOCLAW_TOKEN.
start_gateway() {
    local port callback_port
    read -r port callback_port < <(free_ports 2)
    # An empty environment: the caller's GOCLAW_ variables must not configure this gateway.
    env -i GOCLAW_DATA_DIR="$1/data" GOCLAW_PORT="$port" GOCLAW_CALLBACK__PORT="$callback_port" \
        GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER="$(address issuer)" \
        GOCLAW_PROVIDERS__OPENAI_CODEX__API_BASE="$(address backend_url)" target/debug/goclaw >"$1/gateway.log" 2>&1 &
    gateway=$!
    export GOCLAW_URL=http://127.0.0.1:$port
    wait_for "$gateway" "$1/gateway.log" curl --silent --fail --max-time 5 --output /dev/null "$GOCLAW_URL/healthz"
    GOCLAW_TOKEN=$(<"$1/data/gateway.token")
    export GOCLAW_TOKEN
}

# --- The steps.

failed=0

# attempt STEP WHAT FUNCTION: runs the function in the step's folder and sets `result`. Never call it in a condition,
# where `set -e` has no effect, not even inside the function.
attempt() {
    local log=$folder/$1.log
    (cd "$folder/$1" && "$3") >"$log" 2>&1 </dev/null &
    result=0
    wait "$!" || result=$?
    if [ "$result" -ne 0 ]; then
        failed=1
        tail -n 40 "$log" >&2
        printf '%s: FAILED to %s\n' "$("title_$1")" "$2"
    fi
}

run_lint() {
    attempt lint "pass" lint
    [ "$result" -ne 0 ] || printf '%s: no findings\n' "$(title_lint)"
}

# run_client STEP: compiles a client and calls a gateway with it.
run_client() {
    attempt "$1" compile "compile_$1"
    [ "$result" -eq 0 ] || return 0
    start_gateway "$folder/$1"
    attempt "$1" "call the gateway" "call_$1"
    [ "$result" -ne 0 ] || printf '%s: compiled, %s calls ok\n' "$("title_$1")" "$(tail -n 1 "$folder/$1.log")"
    stop "$gateway"
    gateway=
}

# All clients send the same prompt, and none may lose a member: compares the sizes that arrived at the provider.
check_prompts() {
    curl --silent --fail "$(address control_url)/journal" >"$folder/journal.json"
    python3 - "$folder/journal.json" <<'PYTHON'
import json, sys

entries = json.load(open(sys.argv[1]))
sizes = {entry["body_bytes"] for entry in entries if entry["path"].endswith("/responses")}
if not sizes:
    sys.exit("no prompt arrived at the provider")
if len(sizes) > 1:
    sys.exit(f"the same prompt arrived at the provider in different sizes: {sorted(sizes)}")
PYTHON
}

# contains NAME LIST...: succeeds if the list has the name.
contains() {
    local name=$1 entry
    shift
    for entry; do [ "$entry" != "$name" ] || return 0; done
    return 1
}

wanted() { contains "$1" "${selected[@]}"; }

selected=("$@")
[ $# -gt 0 ] || selected=("${steps[@]}")
for name in "${selected[@]}"; do
    contains "$name" "${steps[@]}" || { printf 'usage: %s [STEP...]; steps are: %s\n' "$0" "${steps[*]}" >&2; exit 2; }
done

need_cargo
need cc gcc libc6-dev
need curl curl
need_python
if wanted lint || wanted typescript; then need node nodejs; need npm npm; fi
if wanted go; then need go golang-go; fi
if wanted java; then need javac default-jdk-headless; need mvn maven; fi
install_packages

if wanted lint || wanted typescript; then
    node=$(node_tools "@redocly/cli@$redocly" "@stoplight/spectral-cli@$spectral" "openapi-typescript@$openapi_typescript" \
        "openapi-fetch@$openapi_fetch" "typescript@$typescript")/node_modules/.bin
fi
if wanted python; then python=$(python_tools "openapi-python-client==$openapi_python_client" "mypy==$mypy")/bin; fi
if wanted go; then
    go_version=$(go env GOVERSION)
    printf 'go%s\n%s\n' "$go_minimum" "$go_version" | sort --check=quiet --version-sort ||
        fail "$go_version is too old: install Go $go_minimum or newer, then run this again."
fi
if wanted java; then
    generator=$root/target/openapi-generator-cli-$openapi_generator.jar
    if [ ! -e "$generator" ]; then
        say "installing openapi-generator-cli $openapi_generator into target"
        mvn --quiet --batch-mode "org.apache.maven.plugins:maven-dependency-plugin:$maven_dependency_plugin:copy" \
            -Dartifact="org.openapitools:openapi-generator-cli:$openapi_generator" -DoutputDirectory="$root/target" >&2 ||
            fail "openapi-generator-cli $openapi_generator could not be installed; see what Maven said above."
    fi
fi

if [ "${selected[*]}" != lint ]; then
    say "building the gateway and the simulator"
    cargo build --quiet --locked --workspace --bins
    # Local requests must not use the machine's proxy.
    export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
    start_simulator
fi
for name in "${selected[@]}"; do
    mkdir "$folder/$name"
    case $name in
        lint) run_lint ;;
        *) run_client "$name" ;;
    esac
done
if [ -n "$simulator" ]; then check_prompts || failed=1; fi
exit "$failed"
