# Functions for the other scripts, mainly to install missing programs. Source this file, and call the functions in the
# root of the repository. Messages go to stderr.

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# wait_for WHAT COMMAND...: repeats the command until it succeeds, for about a minute.
wait_for() {
    local what=$1 try
    shift
    for ((try = 0; try < 300; try++)); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.2
    done
    fail "$what did not happen within a minute"
}

# free_ports COUNT: prints distinct local ports that are free now.
free_ports() {
    python3 -c 'import socket, sys
probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(probe.getsockname()[1] for probe in probes))' "$1"
}

# Debian packages to install.
packages=()

# need PROGRAM PACKAGE...: adds the packages to the list if the program is missing.
need() { has "$1" || packages+=("${@:2}"); }

# PostgreSQL, and openssl for the certificates of the TLS tests.
need_postgres() { [ -n "$(postgres_programs)" ] || packages+=(postgresql); need openssl openssl; }

need_cargo() { has cargo || fail "cargo is missing: install Rust 1.95 or newer, then run this again."; }

# Debian's python3 alone cannot create a venv.
need_python() {
    if ! has python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then packages+=(python3 python3-venv); fi
}

# Installs the missing packages. RUNLEVEL=1 keeps their services from starting.
install_packages() {
    local as_root=()
    [ "${#packages[@]}" -gt 0 ] || return 0
    has apt-get ||
        fail "apt-get is missing: install the equivalents of the Debian packages ${packages[*]}, then run this again."
    if [ "$(id -u)" -ne 0 ]; then
        if ! has sudo || ! sudo -n true 2>/dev/null; then
            fail "installing missing packages needs root; run this, then run the script again: sudo apt-get update && sudo apt-get install -y ${packages[*]}"
        fi
        as_root=(sudo -n)
    fi
    say "installing ${packages[*]}"
    "${as_root[@]}" apt-get update --quiet --quiet >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive ${RUNLEVEL:+RUNLEVEL=$RUNLEVEL} \
        apt-get install --yes --quiet --quiet --no-install-recommends "${packages[@]}" </dev/null >&2
}

# python_tools TOOL...: installs tools from PyPI and prints the folder of their venv.
python_tools() { in_folder python with_pip "$@"; }

# node_tools TOOL...: installs tools from npm and prints the folder of their node_modules.
node_tools() { in_folder node with_npm "$@"; }

# cargo_tool NAME VERSION: prints the path of a tool of cargo. Uses one on PATH, whatever its version; otherwise installs
# VERSION into target/.
cargo_tool() {
    local name=$1 version=$2 folder=$PWD/target/$1-$2
    if has "$name"; then
        command -v "$name"
        return
    fi
    if [ ! -x "$folder/bin/$name" ]; then
        say "installing $name $version into ${folder#"$PWD"/} (a few minutes)"
        cargo install "$name" --version "$version" --locked --quiet --root "$folder" >&2 || return 1
    fi
    printf '%s\n' "$folder/bin/$name"
}

# in_folder KIND INSTALL TOOL...: installs tools into a folder and prints its path. The folder's name contains a
# checksum of the tools and versions, so a new version gets a new folder.
in_folder() {
    local kind=$1 install=$2 folder
    shift 2
    folder=$PWD/target/$kind-$(printf '%s\n' "$@" | cksum | cut -d' ' -f1)
    if [ ! -e "$folder/complete" ]; then
        say "installing $* into ${folder#"$PWD"/}"
        rm -rf "$folder"
        mkdir -p "$folder"
        "$install" "$folder" "$@" >&2 || fail "$* could not be installed; see the output above."
        # Marks the installation as complete, so that an interrupted one is repeated.
        touch "$folder/complete"
    fi
    printf '%s\n' "$folder"
}

with_pip() {
    python3 -m venv "$1" && "$1/bin/pip" install --quiet --disable-pip-version-check "${@:2}"
}

with_npm() {
    # Node has its own list of certificate authorities. Adds those that this machine trusts.
    local trusted=/etc/ssl/certs/ca-certificates.crt
    if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -r "$trusted" ]; then
        export NODE_EXTRA_CA_CERTS=$trusted
    fi
    npm install --silent --fetch-retries=1 --no-audit --no-fund --ignore-scripts --prefix "$1" "${@:2}" </dev/null
}

# Prints the folder of PostgreSQL's programs, or nothing if it is not installed.
postgres_programs() {
    if has initdb && has pg_ctl; then dirname "$(command -v initdb)"; else ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1; fi
}

# Starts a temporary PostgreSQL server on a free local port with a random password, and exports TEST_POSTGRES_URL. A
# trap on EXIT stops it. PostgreSQL does not run as root, so root runs it as another user.
start_postgres() {
    local programs folder password port as_owner=()
    programs=$(postgres_programs)
    folder=$(mktemp -d)
    password=$(python3 -c 'import secrets; print(secrets.token_hex(16))')
    port=$(free_ports 1)
    if [ "$(id -u)" -eq 0 ]; then
        as_owner=(runuser -u postgres --)
        chown postgres "$folder"
    fi
    say "starting a temporary PostgreSQL server"
    # The user postgres may not be allowed to enter the current folder.
    (
        cd /
        "${as_owner[@]}" bash -c 'umask 077; printf "%s\n" "$1" >"$2"' - "$password" "$folder/password"
        "${as_owner[@]}" "$programs/initdb" --pgdata="$folder/data" --username=postgres --auth=scram-sha-256 \
            --pwfile="$folder/password" --encoding=UTF8 --no-sync >"$folder.log" 2>&1
        "${as_owner[@]}" "$programs/pg_ctl" --pgdata="$folder/data" --silent --wait --log="$folder/server.log" \
            --options="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories= -c fsync=off -c max_connections=400" \
            start >>"$folder.log" 2>&1
    ) || { cat "$folder.log" "$folder/server.log" >&2; fail "PostgreSQL did not start; see the output above."; }
    # shellcheck disable=SC2064 # expand the values now
    trap "(cd / && ${as_owner[*]} '$programs/pg_ctl' --pgdata='$folder/data' --silent --mode=immediate stop) || true; rm -rf '$folder' '$folder.log'" EXIT
    export TEST_POSTGRES_URL="postgres://postgres:$password@127.0.0.1:$port/postgres"
}
