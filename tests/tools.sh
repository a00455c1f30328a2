# Sourced by the scripts that need programs which may be missing: says what it installs, or fails with one clear sentence.
# Their folder is the root of the tree then. What they print on stdout stays theirs.

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# Debian's packages of what is missing.
packages=()

# need PROGRAM PACKAGE...
need() { has "$1" || packages+=("${@:2}"); }

need_postgres() { [ -n "$(postgres_programs)" ] || packages+=(postgresql); }

need_cargo() { has cargo || fail "cargo is missing: install Rust 1.95 or newer, then run this again."; }

# Debian's python3 comes without what makes a venv.
need_python() {
    if ! has python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then packages+=(python3 python3-venv); fi
}

# Installs what was found missing. With RUNLEVEL=1, no service of the distribution starts because of this.
install_packages() {
    local as_root=()
    [ "${#packages[@]}" -gt 0 ] || return 0
    has apt-get ||
        fail "this machine has no apt-get: install what Debian calls ${packages[*]} in its own way, then run this again."
    if [ "$(id -u)" -ne 0 ]; then
        if ! has sudo || ! sudo -n true 2>/dev/null; then
            fail "packages are missing, and installing them needs root; type this and run it again: sudo apt-get update && sudo apt-get install -y ${packages[*]}"
        fi
        as_root=(sudo -n)
    fi
    say "installing ${packages[*]}"
    "${as_root[@]}" apt-get update --quiet --quiet >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive ${RUNLEVEL:+RUNLEVEL=$RUNLEVEL} \
        apt-get install --yes --quiet --quiet --no-install-recommends "${packages[@]}" </dev/null >&2
}

# python_tools TOOL...: installs them from PyPI; prints the folder of their venv.
python_tools() { in_folder python with_pip "$@"; }

# node_tools TOOL...: installs them from npm; prints the folder that holds their node_modules.
node_tools() { in_folder node with_npm "$@"; }

# The folder is named by what is in it, so that a new version gets a new one.
in_folder() {
    local kind=$1 install=$2 folder
    shift 2
    folder=$PWD/target/$kind-$(printf '%s\n' "$@" | cksum | cut -d' ' -f1)
    if [ ! -e "$folder/complete" ]; then
        say "installing $* into ${folder#"$PWD"/}"
        rm -rf "$folder"
        mkdir -p "$folder"
        "$install" "$folder" "$@" >&2 || fail "$* could not be installed; see what was said above."
        # Half of it would look like all of it the next time.
        touch "$folder/complete"
    fi
    printf '%s\n' "$folder"
}

with_pip() {
    python3 -m venv "$1" && "$1/bin/pip" install --quiet --disable-pip-version-check "${@:2}"
}

with_npm() {
    # Node brings certificates of its own; what this machine trusts counts too, as for all other tools here.
    local trusted=/etc/ssl/certs/ca-certificates.crt
    if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -r "$trusted" ]; then
        export NODE_EXTRA_CA_CERTS=$trusted
    fi
    npm install --silent --fetch-retries=1 --no-audit --no-fund --ignore-scripts --prefix "$1" "${@:2}" </dev/null
}

# Prints the folder with PostgreSQL's programs; nothing if there is none.
postgres_programs() {
    if has initdb && has pg_ctl; then dirname "$(command -v initdb)"; else ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1; fi
}

# Starts a PostgreSQL server of our own on a free port of this machine, with a random password, and exports TEST_POSTGRES_URL. A trap
# on EXIT stops it. PostgreSQL refuses to run as root, so root runs it as another user.
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
    # The other user may not be allowed to enter the current folder.
    (
        cd /
        "${as_owner[@]}" bash -c 'umask 077; printf "%s\n" "$1" >"$2"' - "$password" "$folder/password"
        "${as_owner[@]}" "$programs/initdb" --pgdata="$folder/data" --username=postgres --auth=scram-sha-256 \
            --pwfile="$folder/password" --encoding=UTF8 --no-sync >"$folder.log" 2>&1
        "${as_owner[@]}" "$programs/pg_ctl" --pgdata="$folder/data" --silent --wait --log="$folder/server.log" \
            --options="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories= -c fsync=off -c max_connections=400" \
            start >>"$folder.log" 2>&1
    ) || { cat "$folder.log" "$folder/server.log" >&2; fail "PostgreSQL did not start; see what it said above."; }
    # shellcheck disable=SC2064 # expand the values now
    trap "(cd / && ${as_owner[*]} '$programs/pg_ctl' --pgdata='$folder/data' --silent --mode=immediate stop) || true; rm -rf '$folder' '$folder.log'" EXIT
    export TEST_POSTGRES_URL="postgres://postgres:$password@127.0.0.1:$port/postgres"
}
