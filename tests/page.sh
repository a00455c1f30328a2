#!/usr/bin/env bash
# Takes screenshots of every screen of the page, light and dark, wide and narrow, and tests the page's behaviour with a
# stand-in for the gateway. Fails if axe-core finds a problem, the browser logs an error, the CSP is violated, or
# content is wider than the window. Installs missing tools; safe to repeat.
#
# Usage: tests/page.sh [SCREEN,...]: with names of screens (see tests/page/screens.mjs), takes only their screenshots.
set -euo pipefail
[ $# -le 1 ] || { printf 'usage: %s [SCREEN,...]\n' "$0" >&2; exit 2; }
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly pictures=target/page
. tests/tools.sh

# run FILE ARGUMENT...: runs node in the background, because bash handles a signal only after a foreground process ends.
# That process also runs the stand-ins.
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

# The distribution's browser receives security updates.
need chromium chromium
need node nodejs
need npm npm
install_packages
PAGE_TOOLS=$(node_tools playwright-core@1.65.1 axe-core@4.14.1)
PAGE_CHROMIUM=$(command -v chromium)
export PAGE_TOOLS PAGE_CHROMIUM
# Local requests must not use the machine's proxy.
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1

say "taking the screenshots"
code=0
run pictures.mjs "$pictures" "${1:-}" || code=$?
[ "$code" -ne 2 ] || exit 2
[ "$code" -eq 0 ] || fail "the page has problems; see above and the screenshots in $pictures."
if [ $# -eq 0 ]; then
    say "testing the page's behaviour"
    run behaviour.mjs || fail "a behaviour test failed; see above."
fi
say "the page passed; its screenshots are in $pictures"
