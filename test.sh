#!/usr/bin/env bash
# Installs what the tests need and is missing, then runs all of them. Safe to repeat: with everything there it installs
# nothing and asks nobody.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly python_tools=(openapi-spec-validator==0.9.0 schemathesis==4.32.5 openai==3.57.0)
readonly node_tools=(openai@6.49.0 axe-core@4.14.1)
# Named by what is in it, so that a new version gets a new one.
readonly venv=target/python-$(printf '%s\n' "${python_tools[@]}" | cksum | cut -d' ' -f1)
readonly node_folder=target/node-$(printf '%s\n' "${node_tools[@]}" | cksum | cut -d' ' -f1)

say() { printf '==> %s\n' "$*"; }
fail() { printf 'test.sh: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# The Debian packages of what is missing, one a line. The browser and its driver are the distribution's, so that they fit
# each other and get its security updates.
missing_packages() {
    has cc || printf '%s\n' gcc libc6-dev
    has curl || printf '%s\n' curl
    [ -n "$(postgres_programs)" ] || printf '%s\n' postgresql
    has chromium || printf '%s\n' chromium
    has chromedriver || printf '%s\n' chromium-driver
    # Debian's python3 comes without what makes a venv.
    if ! has python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        printf '%s\n' python3 python3-venv
    fi
    has node || printf '%s\n' nodejs
    has npm || printf '%s\n' npm
}

install_packages() {
    local packages=("$@") as_root=()
    if ! has apt-get; then
        fail "this machine has no apt-get: install a C compiler, curl, PostgreSQL, Chromium, chromedriver, Python 3 with venv and Node.js with npm in its own way, then run ./test.sh again."
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! has sudo || ! sudo -n true 2>/dev/null; then
            fail "the tests need packages that are missing, and installing them needs root; type: sudo apt-get update && sudo apt-get install -y ${packages[*]} && ./test.sh"
        fi
        as_root=(sudo -n)
    fi
    say "installing ${packages[*]}"
    "${as_root[@]}" apt-get update --quiet --quiet
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --quiet --no-install-recommends "${packages[@]}" </dev/null
}

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

install_python_tools() {
    [ -e "$venv/complete" ] && return
    say "installing ${python_tools[*]} into $venv"
    rm -rf "$venv"
    mkdir -p target
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${python_tools[@]}" ||
        fail "pip could not install ${python_tools[*]}; see what it said above."
    # Half of it would look like all of it the next time.
    touch "$venv/complete"
}

install_node_tools() {
    [ -e "$node_folder/complete" ] && return
    say "installing ${node_tools[*]} into $node_folder"
    rm -rf "$node_folder"
    mkdir -p "$node_folder"
    # Node brings certificates of its own; what this machine trusts counts too, as for all other tools here.
    local trusted=/etc/ssl/certs/ca-certificates.crt
    if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -r "$trusted" ]; then
        export NODE_EXTRA_CA_CERTS=$trusted
    fi
    npm install --silent --fetch-retries=1 --no-audit --no-fund --ignore-scripts --prefix "$node_folder" "${node_tools[@]}" </dev/null ||
        fail "npm could not install ${node_tools[*]}; see what it said above."
    touch "$node_folder/complete"
}

has cargo || fail "cargo is missing: install Rust 1.95 or newer, then run ./test.sh again."
mapfile -t packages < <(missing_packages)
if [ "${#packages[@]}" -gt 0 ]; then
    install_packages "${packages[@]}"
fi
install_python_tools
install_node_tools
TEST_PYTHON=$PWD/$venv/bin/python TEST_NODE=$(command -v node) TEST_NODE_SDK=$PWD/$node_folder
export TEST_PYTHON TEST_NODE TEST_NODE_SDK

start_postgres

say "running all tests of the workspace"
cargo test --workspace --locked

say "validating openapi/v1.json"
"$venv/bin/openapi-spec-validator" openapi/v1.json

say "trying the live API against its contract"
tests/schemathesis.sh "$venv"

say "all tests passed"
