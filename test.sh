#!/usr/bin/env bash
# Installs what the tests need and is missing, then runs all of them. Safe to repeat: with everything there it installs
# nothing and asks nobody.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# The browser and its driver are the distribution's, so that they fit each other and get its security updates.
readonly validator=openapi-spec-validator
readonly validator_version=0.9.0
readonly venv=target/$validator-$validator_version

say() { printf '==> %s\n' "$*"; }
fail() { printf 'test.sh: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# The Debian packages of what is missing, one a line.
missing_packages() {
    has cc || printf '%s\n' gcc libc6-dev
    has curl || printf '%s\n' curl
    has chromium || printf '%s\n' chromium
    has chromedriver || printf '%s\n' chromium-driver
    # Debian's python3 comes without what makes a venv.
    if ! has python3 || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        printf '%s\n' python3 python3-venv
    fi
}

install_packages() {
    local packages=("$@") as_root=()
    if ! has apt-get; then
        fail "this machine has no apt-get: install a C compiler, curl, Chromium, chromedriver and Python 3 with venv in its own way, then run ./test.sh again."
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

install_validator() {
    [ -x "$venv/bin/$validator" ] && return
    say "installing $validator $validator_version into $venv"
    rm -rf "$venv"
    mkdir -p target
    python3 -m venv "$venv"
    if ! "$venv/bin/pip" install --quiet --disable-pip-version-check "$validator==$validator_version"; then
        # Half of it would look like all of it the next time.
        rm -rf "$venv"
        fail "pip could not install $validator $validator_version; see what it said above."
    fi
}

has cargo || fail "cargo is missing: install Rust 1.95 or newer, then run ./test.sh again."
mapfile -t packages < <(missing_packages)
if [ "${#packages[@]}" -gt 0 ]; then
    install_packages "${packages[@]}"
fi
install_validator

say "running all tests of the workspace"
cargo test --workspace --locked

say "validating openapi/v1.json"
"$venv/bin/$validator" openapi/v1.json

say "all tests passed"
