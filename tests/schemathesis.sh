#!/usr/bin/env bash
# Tries the control API of a running gateway with what its contract allows and forbids, once with the token and once
# without. schemathesis.toml at the root says how, and what is explained away.
#
# Usage: tests/schemathesis.sh PATH_TO_PYTHON_VENV, with schemathesis installed in that venv.
set -euo pipefail
[ $# -eq 1 ] || { printf 'usage: %s PATH_TO_PYTHON_VENV\n' "$0" >&2; exit 2; }
venv=$(cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# How often a start is looked at, every 0.1 s, before it is given up.
readonly looks=300

folder=$(mktemp -d)
pids=()

stop_all() {
    if [ "${#pids[@]}" -gt 0 ]; then
        kill "${pids[@]}" 2>/dev/null || true
        wait "${pids[@]}" 2>/dev/null || true
    fi
    pids=()
}
trap 'stop_all; rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    printf 'schemathesis.sh: %s\n' "$1" >&2
    shift
    for log in "$@"; do
        printf -- '--- %s\n' "${log##*/}" >&2
        cat "$log" >&2
    done
    exit 1
}

python() { "$venv/bin/python" "$@"; }

free_port() { python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Where a part of the simulator is, as it has told.
site() { python -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1" <"$folder/simulator.json"; }

start_simulator() {
    target/debug/goclaw-simulator --approval auto >"$folder/simulator.json" 2>"$folder/simulator.log" &
    pids+=($!)
    for _ in $(seq "$looks"); do
        if issuer=$(site issuer 2>/dev/null); then
            return
        fi
        kill -0 "${pids[-1]}" 2>/dev/null || break
        sleep 0.1
    done
    fail "the simulator did not start" "$folder/simulator.log"
}

# A gateway with its data in $folder/$1; sets url. Each run gets its own, because wrong tokens are counted.
start_gateway() {
    local port
    port=$(free_port)
    url=http://127.0.0.1:$port
    # With nothing else of the environment: GOCLAW_ variables of the caller are not for this gateway.
    env -i GOCLAW_DATA_DIR="$folder/$1" GOCLAW_PORT="$port" GOCLAW_CALLBACK__PORT="$(free_port)" \
        GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER="$issuer" GOCLAW_PROVIDERS__SUNO__API_BASE="$(site studio_url)" \
        GOCLAW_PROVIDERS__SUNO__SESSION_URL="$(site sessions_url)" \
        GOCLAW_PROVIDERS__DASHSCOPE__API_BASE="$(site dashscope_url)" target/debug/goclaw >"$folder/$1.gateway.log" 2>&1 &
    pids+=($!)
    for _ in $(seq "$looks"); do
        if curl --silent --fail --max-time 5 --output /dev/null "$url/healthz"; then
            return
        fi
        kill -0 "${pids[-1]}" 2>/dev/null || break
        sleep 0.1
    done
    fail "the gateway did not start" "$folder/$1.gateway.log"
}

# run_schemathesis NAME CONFIG FLAG...: tries the gateway at $url; its report is shown only if something is wrong.
run_schemathesis() {
    local name=$1 config=$2
    shift 2
    if ! "$venv/bin/schemathesis" --config-file "$config" run "$url/openapi.json" --no-color \
        --report har --report-har-path "$folder/$name.har" "$@" >"$folder/$name.report" 2>&1; then
        fail "schemathesis found something ($name)" "$folder/$name.report"
    fi
    kill -0 "${pids[-1]}" 2>/dev/null || fail "the gateway died ($name)" "$folder/$name.gateway.log"
    printf 'schemathesis, %s: %s\n' "$name" "$(grep ' generated, ' "$folder/$name.report" | sed 's/^ *//')"
}

# Each operation, called once by somebody who has nothing. The limit on wrong tokens is far above that.
call_each_operation_without_token() {
    python - "$url" <<'PYTHON'
import json, re, sys, time, urllib.error, urllib.request

url = sys.argv[1]
closed = 0


def refusal(place, request):
    try:
        sys.exit(f"{place}: {urllib.request.urlopen(request).status} without a token")
    except urllib.error.HTTPError as answer:
        return answer


for path, operations in json.load(urllib.request.urlopen(url + "/openapi.json"))["paths"].items():
    for method in operations if path.startswith("/v1/") else ():
        place = f"{method.upper()} {path}"
        request = urllib.request.Request(url + re.sub(r"{\w+}", "openai-codex", path), method=method.upper())
        # More of them than the limit on wrong tokens lets through at once: it says when to come again.
        while (answer := refusal(place, request)).status == 429:
            time.sleep(int(answer.headers["Retry-After"]))
        if answer.status != 401 or answer.headers["WWW-Authenticate"] != "Bearer":
            sys.exit(f"{place}: {answer.status} {answer.headers['WWW-Authenticate']} without a token")
        closed += 1
if not closed:
    sys.exit("the contract has no operation that wants a token")
PYTHON
}

# Whatever was sent under /v1 in the run without a token was refused for that reason: also what is malformed, or not there.
judge_answers_without_token() {
    python - "$folder/without-token.har" <<'PYTHON'
import json, sys
from urllib.parse import urlsplit

seen = set()
for entry in json.load(open(sys.argv[1]))["log"]["entries"]:
    request, answer = entry["request"], entry["response"]
    if not urlsplit(request["url"]).path.startswith("/v1/"):
        continue
    names = {header["name"].lower() for header in answer["headers"]}
    if (answer["status"], True) not in {(401, "www-authenticate" in names), (429, "retry-after" in names)}:
        sys.exit(f"{request['method']} {request['url']}: {answer['status']} without a token")
    seen.add(answer["status"])
if seen != {401, 429}:
    sys.exit(f"the run without a token saw {sorted(seen)}, not both 401 and 429")
PYTHON
}

# With the tests, so that nothing is built anew right after them: their dependencies decide about features too.
cargo build --quiet --locked --workspace --bins --tests

# No proxy of the machine comes between.
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1
# What schemathesis is built on keeps notes; not in the working folder.
export HYPOTHESIS_STORAGE_DIRECTORY=$folder/hypothesis

start_simulator

start_gateway with-token
# The token is in the environment of that one process: not among the arguments, which everybody on the machine can read.
{
    cat schemathesis.toml
    printf '\n[auth.openapi.GatewayToken]\nbearer = "${GOCLAW_GATEWAY_TOKEN}"\n'
} >"$folder/with-token.toml"
GOCLAW_GATEWAY_TOKEN=$(<"$folder/with-token/gateway.token") run_schemathesis with-token "$folder/with-token.toml"
if grep --quiet --fixed-strings --file="$folder/with-token/gateway.token" \
    "$folder"/*.report "$folder"/*.har "$folder"/*.log; then
    fail "the token is in a report or a log"
fi

start_gateway without-token
call_each_operation_without_token || fail "an operation is open without a token"
# The check that is left out takes nothing but a 401 from an operation without its token, and the limit on wrong tokens
# answers 429 instead, as it should; the calls above and the judgement below are made for it. The warnings say that all
# operations answer alike: that is what is wanted here.
run_schemathesis without-token schemathesis.toml --generation-with-security-parameters true \
    --exclude-checks missing_required_header --warnings off
judge_answers_without_token || fail "something under /v1 answered without a token"
