#!/usr/bin/env bash
# Builds the previous release from the git history, and runs it beside this one on one PostgreSQL database
# (tests/it/mixed_versions.rs). Needs TEST_POSTGRES_URL; tests/full.sh sets it.
#
# Usage: tests/previous_release.sh [PROGRAM]; PROGRAM is the previous release, if it is already built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/tools.sh

# The previous release. Update it with each release: the newest tag, or a commit while there is no tag.
readonly previous=069b05d82a28

# Builds the previous release and prints the path of its program.
build_previous() {
    local sources=$PWD/target/previous/$previous
    git rev-parse --quiet --verify "$previous^{commit}" >/dev/null ||
        fail "the commit $previous is not in this clone: git fetch --unshallow, then run this again."
    if [ ! -d "$sources" ]; then
        mkdir -p "$sources"
        git archive "$previous" | tar --extract --directory "$sources"
    fi
    say "building $previous (some minutes)"
    CARGO_TARGET_DIR=$PWD/target/previous/build cargo build --locked --quiet --manifest-path "$sources/Cargo.toml" >&2
    printf '%s\n' "$PWD/target/previous/build/debug/goclaw"
}

program=${1:-$(build_previous)}
say "the previous release: $program"
TEST_PREVIOUS_GOCLAW=$program cargo test --locked --test it -- --ignored mixed_versions
