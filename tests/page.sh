#!/usr/bin/env bash
# Takes a picture of every screen of the page, light and dark, wide and narrow, and tries how the page behaves, in front of a
# stand-in for the gateway. Fails when axe-core finds something, the browser complains, the CSP is violated, or something is
# wider than the window. Installs what is missing; safe to repeat.
#
# Usage: tests/page.sh [SCREEN,...]: with names of screens (see tests/page/screens.mjs), only their pictures.
set -euo pipefail
[ $# -le 1 ] || { printf 'usage: %s [SCREEN,...]\n' "$0" >&2; exit 2; }
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly pictures=target/page
. tests/tools.sh

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

# The browser is the distribution's and gets its security updates.
need chromium chromium
need node nodejs
need npm npm
install_packages
PAGE_TOOLS=$(node_tools playwright-core@1.65.1 axe-core@4.14.1)
PAGE_CHROMIUM=$(command -v chromium)
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
