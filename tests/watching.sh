#!/usr/bin/env bash
# Lets a real Prometheus scrape a real gateway. Checks that the metrics are well formed, that the alert rules load and
# are evaluated, and that the dashboard uses only existing metrics. Installs Prometheus if it is missing (Debian's
# package).
#
# Usage: tests/watching.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/tools.sh

need_cargo
need prometheus prometheus
need curl curl
need jq jq
need python3 python3
install_packages
cargo build --quiet --locked

folder=$(mktemp -d)
gateway='' prometheus=''
clean_up() {
    [ -z "$gateway$prometheus" ] || kill $gateway $prometheus 2>/dev/null || true
    wait
    rm -rf "$folder"
}
trap clean_up EXIT

read -r port callback_port prometheus_port < <(free_ports 3)
export GOCLAW_DATA_DIR=$folder/data GOCLAW_PORT=$port GOCLAW_CALLBACK__PORT=$callback_port
target/debug/goclaw >"$folder/gateway.log" 2>&1 &
gateway=$!
wait_for 'the start of the gateway' curl -fs "http://127.0.0.1:$port/readyz"
(umask 077 && target/debug/goclaw tokens create prometheus --scope metrics:read --json | jq -r .token >"$folder/token")

metrics() { curl -fsS -H "Authorization: Bearer $(cat "$folder/token")" "http://127.0.0.1:$port/metrics"; }
say 'checking the metrics'
# A request, so that the metrics of requests exist.
target/debug/goclaw audit list >/dev/null
metrics >"$folder/metrics"
promtool check metrics <"$folder/metrics"

say 'checking the rules and the dashboard'
promtool check rules packaging/prometheus/goclaw-rules.yml
{
    grep -o 'goclaw_[a-z_]*' packaging/prometheus/goclaw-rules.yml
    jq -r '.panels[].targets[].expr' packaging/prometheus/goclaw-dashboard.json | grep -o 'goclaw_[a-z_]*'
} | sed -E 's/_(bucket|sum|count)$//' | sort -u >"$folder/asked"
while read -r name; do
    grep -q "\"$name\"" src/app/counters.rs src/adapters/prometheus.rs src/adapters/store/timed.rs || fail "no metric has the name $name"
done <"$folder/asked"
# Without a series at 0, the first increment of a counter is invisible to these functions.
grep -oE '(increase|rate)\(goclaw_[a-z_]+' packaging/prometheus/goclaw-rules.yml | sed 's/.*(//' | while read -r name; do
    grep -qE "^$name[ {]" "$folder/metrics" || fail "a new gateway has no series of $name"
done

say 'letting Prometheus watch'
sed "s/127.0.0.1:3577/127.0.0.1:$port/; s|/etc/prometheus/goclaw.token|$folder/token|; s|/etc/prometheus/goclaw-rules.yml|$PWD/packaging/prometheus/goclaw-rules.yml|" \
    < <(sed -n '/^```yaml$/,/^```$/p' docs/watching.md | sed '/^```/d') >"$folder/prometheus.yml"
printf 'global: {scrape_interval: 1s, evaluation_interval: 1s}\n' >>"$folder/prometheus.yml"
promtool check config "$folder/prometheus.yml"
prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/series" \
    --web.listen-address="127.0.0.1:$prometheus_port" >"$folder/prometheus.log" 2>&1 &
prometheus=$!
ask() { curl -fsS "http://127.0.0.1:$prometheus_port/api/v1/$1"; }
is_up() { ask 'query?query=up%7Bjob%3D%22goclaw%22%7D' | jq -e '.data.result[0].value[1] == "1"'; }
has_requests() { ask 'query?query=goclaw_http_requests_total' | jq -e '.data.result | length > 0'; }
are_evaluated() { ask rules | jq -e '[.data.groups[].rules[] | .health] | length > 0 and all(. == "ok")'; }
wait_for 'a scrape' is_up
wait_for 'a scrape of the requests' has_requests
wait_for 'the evaluation of all rules' are_evaluated
say 'Prometheus reads the metrics and evaluates every rule'
