# Sourced by the scripts that need programs which may be missing: says what it installs, or fails with one clear sentence.
# Their folder is the root of the tree then. What they print on stdout stays theirs.

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# Debian's packages of what is missing.
packages=()

# need PROGRAM PACKAGE...
need() { has "$1" || packages+=("${@:2}"); }

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
