#!/usr/bin/env bash
# Installs what the tests need and is missing, then runs all of them. Safe to repeat: with everything there it installs
# nothing and asks nobody.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

. tests/tools.sh

# The folder with PostgreSQL's programs; empty if there is none.
postgres_programs() {
    if has initdb && has pg_ctl; then dirname "$(command -v initdb)"; else ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1; fi
}

# A server of our own on a free port of this machine, with a password made for it, gone when the script ends. PostgreSQL
# refuses to run as root, so root lends it another account.
start_postgres() {
    local programs folder password port as_owner=()
    programs=$(postgres_programs)
    folder=$(mktemp -d)
    password=$(python3 -c 'import secrets; print(secrets.token_hex(16))')
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    if [ "$(id -u)" -eq 0 ]; then
        as_owner=(runuser -u postgres --)
        chown postgres "$folder"
    fi
    say "starting a throwaway PostgreSQL server"
    # A path that the other account may stand in.
    (
        cd /
        "${as_owner[@]}" bash -c 'umask 077; printf "%s\n" "$1" >"$2"' - "$password" "$folder/password"
        "${as_owner[@]}" "$programs/initdb" --pgdata="$folder/data" --username=postgres --auth=scram-sha-256 \
            --pwfile="$folder/password" --encoding=UTF8 --no-sync >"$folder.log" 2>&1
        "${as_owner[@]}" "$programs/pg_ctl" --pgdata="$folder/data" --silent --wait --log="$folder/server.log" \
            --options="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories= -c fsync=off -c max_connections=400" \
            start >>"$folder.log" 2>&1
    ) || { cat "$folder.log" "$folder/server.log" >&2; fail "PostgreSQL did not start; see what it said above."; }
    # shellcheck disable=SC2064 # the values of now are meant
    trap "(cd / && ${as_owner[*]} '$programs/pg_ctl' --pgdata='$folder/data' --silent --mode=immediate stop) || true; rm -rf '$folder' '$folder.log'" EXIT
    export TEST_POSTGRES_URL="postgres://postgres:$password@127.0.0.1:$port/postgres"
}

need_cargo
need cc gcc libc6-dev
need curl curl
[ -n "$(postgres_programs)" ] || packages+=(postgresql)
# The browser and its driver are the distribution's, so that they fit each other and get its security updates.
need chromium chromium
need chromedriver chromium-driver
need_python
need node nodejs
need npm npm
install_packages

venv=$(python_tools openapi-spec-validator==0.9.0 schemathesis==4.32.5 openai==3.57.0)
node_folder=$(node_tools openai@6.49.0 axe-core@4.14.1)
TEST_PYTHON=$venv/bin/python TEST_NODE=$(command -v node) TEST_NODE_SDK=$node_folder
export TEST_PYTHON TEST_NODE TEST_NODE_SDK

start_postgres

say "running all tests of the workspace"
cargo test --workspace --locked

say "validating openapi/v1.json"
"$venv/bin/openapi-spec-validator" openapi/v1.json

say "trying the live API against its contract"
tests/schemathesis.sh "$venv"

say "all tests passed"
