# Runs the services of compose.yaml without containers: a gateway with the file's variables, PostgreSQL, and nginx with
# its configuration. tests/packaging.sh sources this file.

readonly public_name=gateway.example

run_stack() {
    [ -x target/release/goclaw ] || cargo build --release --locked --bin goclaw
    start_postgres
    # A subshell, so that its EXIT trap does not replace the one that stops PostgreSQL.
    (call_gateway_through_nginx)
}

call_gateway_through_nginx() {
    local token port=38577 tls=38443
    folder=$(mktemp -d)
    trap 'kill "${gateway:-}" "${proxy:-}" 2>/dev/null; rm -rf "$folder"' EXIT
    token=$(openssl rand -hex 32)
    printf '%s\n' "$token" >"$folder/token"
    openssl rand -hex 32 >"$folder/key"
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj "/CN=$public_name" -addext "subjectAltName=DNS:$public_name" \
        -keyout "$folder/privkey.pem" -out "$folder/fullchain.pem" 2>/dev/null
    chmod 600 "$folder"/*

    mapfile -t variables < <(compose_variables "$folder")
    env -i "${variables[@]}" GOCLAW_SERVER__PORT=$port GOCLAW_DATA_DIR="$folder/data/goclaw" GOCLAW_CALLBACK__PORT=38455 \
        target/release/goclaw serve >"$folder/gateway.log" 2>&1 &
    gateway=$!
    sed -e "s#gateway:3577#127.0.0.1:$port#" -e "s#listen 443#listen 127.0.0.1:$tls#" -e "s#tls/#$folder/#" packaging/docker/nginx.conf \
        >"$folder/nginx.conf"
    check "nginx accepts its configuration" nginx -t -c "$folder/nginx.conf" -g "pid $folder/nginx.pid;"
    nginx -c "$folder/nginx.conf" -g "pid $folder/nginx.pid; error_log $folder/nginx.log; daemon off;" &
    proxy=$!
    # through CURL_ARGUMENT...: sends a request to nginx.
    through() {
        curl --silent --show-error --max-time 10 --cacert "$folder/fullchain.pem" --resolve "$public_name:$tls:127.0.0.1" \
            --resolve "other.example:$tls:127.0.0.1" "$@"
    }
    status() { through --output /dev/null --write-out '%{http_code}' "$@"; }
    # expect WHAT STATUS CURL_ARGUMENT...: checks the status of a request.
    expect() {
        local found
        found=$(status "${@:3}") || true
        [ "$found" = "$2" ] || { cat "$folder/gateway.log" >&2; fail "$1: status $found instead of $2"; }
        say "$1: $found"
    }
    for ((i = 0; i < 150; i++)); do [ "$(status "https://$public_name:$tls/healthz" 2>/dev/null)" != 200 ] || break; sleep 0.2; done
    expect "health through TLS" 200 "https://$public_name:$tls/healthz"
    expect "without a token" 401 "https://$public_name:$tls/v1/providers"
    expect "with the token of the secret" 200 -H "Authorization: Bearer $token" "https://$public_name:$tls/v1/providers"
    expect "under another name" 421 --insecure -H "Host: other.example" "https://$public_name:$tls/v1/providers"
    check_equal "the data folder below a mount" 700 "$(stat --format=%a "$folder/data/goclaw")"
    kill -TERM "$gateway"
    wait "$gateway" || { cat "$folder/gateway.log" >&2; fail "the gateway did not stop cleanly"; }
    say "the gateway stops: ok"
}

# Prints the variables of the service `gateway` as compose.yaml sets them, with this machine's database and files.
compose_variables() {
    "$python/python" - "$1" "$TEST_POSTGRES_URL" "$public_name" <<'END'
import sys, yaml
folder, database, name = sys.argv[1:]
for key, value in yaml.safe_load(open("packaging/docker/compose.yaml"))["services"]["gateway"]["environment"].items():
    value = value.replace("${GOCLAW_NAME:?set the public host name in .env}", name)
    value = value.replace("/run/secrets/gateway_token", f"{folder}/token").replace("/run/secrets/encryption_key", f"{folder}/key")
    if value.startswith("postgres://"):
        value = database + "?sslmode=disable"
    assert "$" not in value, value
    print(f"{key}={value}")
END
}
