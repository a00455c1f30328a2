#!/usr/bin/env bash
# Runs real reverse proxies with TLS in front of a real gateway, each with its configuration in packaging/proxies.
# Checks that the page and its files load, a response streams, events arrive, a body of 8 MiB is accepted, and the audit
# log has the caller's address. Installs nginx, Caddy and HAProxy if they are missing (Debian's packages).
#
# Usage: tests/reverse_proxies.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/tools.sh

need_cargo
# Debian installs the servers in /usr/sbin. RUNLEVEL=1 keeps their services from starting.
PATH=$PATH:/usr/sbin RUNLEVEL=1
need nginx nginx
need caddy caddy
need haproxy haproxy
need openssl openssl
need curl curl
need jq jq
need python3 python3
install_packages
cargo build --quiet --locked --workspace --bins

folder=$(mktemp -d)
running=()
clean_up() {
    [ "${#running[@]}" -eq 0 ] || kill "${running[@]}" 2>/dev/null || true
    wait
    rm -rf "$folder"
}
trap clean_up EXIT

say 'making a certificate'
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=gateway.example -addext subjectAltName=DNS:gateway.example \
    -keyout "$folder/privkey.pem" -out "$folder/fullchain.pem" 2>/dev/null
cat "$folder/fullchain.pem" "$folder/privkey.pem" >"$folder/all.pem"

say 'starting a provider and a gateway'
read -r port callback_port tls issuer backend < <(free_ports 5)
target/debug/goclaw-simulator --approval auto --port "$issuer" --backend-port "$backend" \
    --settings '{"stream_deltas": 10, "stream_pause": "200ms"}' >"$folder/simulator.log" 2>&1 &
running+=($!)
export GOCLAW_DATA_DIR=$folder/data GOCLAW_PORT=$port GOCLAW_CALLBACK__PORT=$callback_port \
    GOCLAW_SERVER__TRUSTED_PROXIES=127.0.0.1 GOCLAW_SERVER__PUBLIC_URL=https://gateway.example:$tls/goclaw \
    GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER=http://127.0.0.1:$issuer \
    GOCLAW_PROVIDERS__OPENAI_CODEX__API_BASE=http://127.0.0.1:$backend/backend-api
target/debug/goclaw >"$folder/gateway.log" 2>&1 &
running+=($!)
wait_for 'the start of the gateway' curl -fs "http://127.0.0.1:$port/readyz"
token=$(cat "$folder/data/gateway.token")

# ask PATH [OPTION...]: sends a request through the proxy, from an address that is not the proxy's.
ask() {
    local path=$1
    shift
    curl -fsS --interface 127.0.0.2 --resolve "gateway.example:$tls:127.0.0.1" --cacert "$folder/fullchain.pem" \
        --header "Authorization: Bearer $token" "https://gateway.example:$tls/goclaw$path" "$@"
}

# Prints the seconds between the first and the last event of a stream.
spread() {
    python3 -c 'import sys, time
times = [time.monotonic() for line in sys.stdin if line.startswith("data:")]
print(times[-1] - times[0])'
}

# check PROXY: checks what docs/remote.md promises of a proxy.
check() {
    local link file spread
    ask / | grep -q '<title>goclaw</title>' || fail "$1: no page"
    # The address without a slash works too: the proxy or the gateway redirects it.
    ask '' --location | grep -q '<title>goclaw</title>' || fail "$1: no page without a slash"
    for file in page/app.js page/style.css docs openapi.json; do
        ask "/$file" >/dev/null || fail "$1: no $file"
    done
    ask /openapi.json | jq -e ".servers[0].url == \"$GOCLAW_SERVER__PUBLIC_URL\"" >/dev/null || fail "$1: another server"
    link=$(ask /v1/session/link --request POST | jq -r .link)
    [ -n "$link" ] || fail "$1: no link"
    spread=$(ask /v1/responses --no-buffer --json '{"model": "gpt-5.5", "input": "Hi", "stream": true}' | spread)
    # The simulator sends the response over two seconds.
    awk "BEGIN {exit !($spread > 1)}" || fail "$1: the events of a response arrived within $spread s"
    timeout 3 curl -fsSN --resolve "gateway.example:$tls:127.0.0.1" --cacert "$folder/fullchain.pem" \
        --header "Authorization: Bearer $token" "https://gateway.example:$tls/goclaw/v1/events" >"$folder/events" || true
    grep -q 'event: *ready' "$folder/events" || fail "$1: no event within three seconds"
    python3 -c 'import json; print(json.dumps({"model": "gpt-5.5", "input": "x" * (8 << 20)}))' >"$folder/large.json"
    ask /v1/responses --json "@$folder/large.json" | jq -e '.status == "completed"' >/dev/null || fail "$1: 8 MiB are refused"
    ask /v1/tokens --json "{\"name\": \"through-$1\"}" >/dev/null
    ask '/v1/audit?limit=1' | jq -e '.entries[0].address == "127.0.0.2"' >/dev/null ||
        fail "$1: the audit log has another address: $(ask '/v1/audit?limit=1')"
    say "$1: works"
}

# run NAME COMMAND...: starts a proxy, checks it, and stops it.
run() {
    local name=$1
    shift
    "$@" >"$folder/$name.log" 2>&1 &
    running+=($!)
    wait_for "the start of $name" ask /healthz
    check "$name"
    kill "${running[-1]}"
    wait "${running[-1]}" 2>/dev/null || true
    unset 'running[-1]'
}

# recipe FILE: prints a configuration from packaging/proxies with the ports and files of this run.
recipe() {
    sed "s|127.0.0.1:3577|127.0.0.1:$port|; s|/etc/ssl/goclaw|$folder|g; s|listen 443|listen 127.0.0.1:$tls|; \
         s|bind :443|bind 127.0.0.1:$tls|; s|^gateway.example {|gateway.example:$tls {|" "packaging/proxies/$1"
}

say 'signing in'
curl -fsSL "$(curl -fsS --header "Authorization: Bearer $token" --json '{}' "http://127.0.0.1:$port/v1/auth/openai/start" | jq -r .auth_url)" \
    >/dev/null

{
    # As root, nginx starts its workers as another user, which may not write into the folder.
    [ "$(id -u)" -ne 0 ] || printf 'user root;\n'
    printf 'daemon off;\npid %s/nginx.pid;\nerror_log %s/nginx-error.log;\nevents {}\nhttp {\naccess_log off;\n' "$folder" "$folder"
    for kind in client_body proxy fastcgi uwsgi scgi; do printf '%s_temp_path %s/%s;\n' "$kind" "$folder" "$kind"; done
    recipe nginx.conf
    printf '}\n'
} >"$folder/nginx.conf"
run nginx nginx -c "$folder/nginx.conf" -e "$folder/nginx-start.log"
# A common variant: with a slash at the end of proxy_pass, nginx removes the path.
sed -i "s|proxy_pass http://127.0.0.1:$port;|proxy_pass http://127.0.0.1:$port/;|" "$folder/nginx.conf"
run nginx-that-removes-the-path nginx -c "$folder/nginx.conf" -e "$folder/nginx-start.log"

{ printf '{\nadmin off\nauto_https disable_redirects\n}\n'; recipe Caddyfile; } >"$folder/Caddyfile"
HOME=$folder run caddy caddy run --config "$folder/Caddyfile" --adapter caddyfile

recipe haproxy.cfg >"$folder/haproxy.cfg"
run haproxy haproxy -f "$folder/haproxy.cfg"

printf '%s\n' "$(nginx -v 2>&1 | sed 's|.*/||')" "$(caddy version)" "$(haproxy -v | head -n 1)" | sed 's/^/==> /' >&2
