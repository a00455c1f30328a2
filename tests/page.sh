#!/usr/bin/env bash
# Takes a picture of every screen of the page, light and dark, wide and narrow, and tries how the page behaves, in front of a
# stand-in for the gateway. Fails when axe-core finds something, the browser complains, the CSP is violated, or something is
# wider than the window. Installs what is missing; safe to repeat.
#
# Usage: tests/page.sh [SCREEN,...]: with names of screens (see tests/page/screens.mjs), only their pictures.
set -euo pipefail
[ $# -le 1 ] || { printf 'usage: %s [SCREEN,...]\n' "$0" >&2; exit 2; }
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly tools=(playwright-core@1.65.1 axe-core@4.14.1)
# Named by what is in it, so that a new version gets a new one.
readonly folder=target/page-tools-$(printf '%s\n' "${tools[@]}" | cksum | cut -d' ' -f1)
readonly pictures=target/page

say() { printf '==> %s\n' "$*"; }
fail() { printf 'page.sh: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# The Debian packages of what is missing, one a line. The browser is the distribution's and gets its security updates.
missing_packages() {
    has chromium || printf '%s\n' chromium
    has node || printf '%s\n' nodejs
    has npm || printf '%s\n' npm
}

install_packages() {
    local packages=("$@") as_root=()
    has apt-get || fail "this machine has no apt-get: install ${packages[*]} in its own way, then run tests/page.sh again."
    if [ "$(id -u)" -ne 0 ]; then
        if ! has sudo || ! sudo -n true 2>/dev/null; then
            fail "installing ${packages[*]} needs root; type: sudo apt-get update && sudo apt-get install -y ${packages[*]}"
        fi
        as_root=(sudo -n)
    fi
    say "installing ${packages[*]}"
    "${as_root[@]}" apt-get update --quiet --quiet
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --quiet --no-install-recommends "${packages[@]}" </dev/null
}

install_tools() {
    [ -e "$folder/complete" ] && return
    say "installing ${tools[*]} into $folder"
    rm -rf "$folder"
    mkdir -p "$folder"
    # Node brings certificates of its own; what this machine trusts counts too, as for all other tools here.
    local trusted=/etc/ssl/certs/ca-certificates.crt
    if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -r "$trusted" ]; then
        export NODE_EXTRA_CA_CERTS=$trusted
    fi
    npm install --silent --fetch-retries=1 --no-audit --no-fund --ignore-scripts --prefix "$folder" "${tools[@]}" </dev/null ||
        fail "npm could not install ${tools[*]}; see what it said above."
    # Half of it would look like all of it the next time.
    touch "$folder/complete"
}

# run FILE ARGUMENT...: in the background, because bash would otherwise hear of a signal only when it is done. The stand-ins
# live in that process, on free ports, and end with it.
run() {
    node "tests/page/$1" "${@:2}" &
    pid=$!
    local code=0
    wait "$pid" || code=$?
    pid=
    return "$code"
}

pid=
trap 'if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mapfile -t packages < <(missing_packages)
if [ "${#packages[@]}" -gt 0 ]; then
    install_packages "${packages[@]}"
fi
install_tools
PAGE_TOOLS=$PWD/$folder PAGE_CHROMIUM=$(command -v chromium)
export PAGE_TOOLS PAGE_CHROMIUM
# No proxy of the machine comes between.
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1

say "taking the pictures"
code=0
run pictures.mjs "$pictures" "${1:-}" || code=$?
[ "$code" -ne 2 ] || exit 2
[ "$code" -eq 0 ] || fail "the page is not as it should be; see above, and the pictures in $pictures."
if [ $# -eq 0 ]; then
    say "trying how the page behaves"
    run behaviour.mjs || fail "the page does not behave as it should; see above."
fi
say "the page is as it should be; its pictures are in $pictures"
