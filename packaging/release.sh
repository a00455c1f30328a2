#!/usr/bin/env bash
# Builds the files of a release: an archive, the Debian package, the crates, a software bill of materials (CycloneDX),
# and SHA-256 checksums of all of them. The same commit and compiler give the same archive. Installs missing tools.
#
# Usage: packaging/release.sh [FOLDER]; the default is target/release-files. Replaces the folder. PACKAGE_DIRTY=1 allows
# uncommitted changes in the crates.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/tools.sh

readonly deb_version=3.8.0 cyclonedx_version=0.5.9
files=${1:-target/release-files}

# The files that the Debian package and the archive share; [package.metadata.deb] names this folder.
make_package_files() {
    local program=target/release/goclaw folder=target/package-files
    rm -rf "$folder"
    mkdir -p "$folder/completions"
    cargo run --quiet --release --locked --package goclaw-package-files "$folder/man"
    mv "$folder/man/config.toml" "$folder/config.toml"
    cmp "$folder/config.toml" packaging/debian/config.toml ||
        fail "packaging/debian/config.toml is out of date; update it with: cp $folder/config.toml packaging/debian/"
    "$program" completions bash >"$folder/completions/goclaw.bash"
    "$program" completions zsh >"$folder/completions/_goclaw"
    "$program" completions fish >"$folder/completions/goclaw.fish"
}

# The archive's owners, order and times do not depend on the machine, so that others can reproduce it.
make_archive() {
    local name=goclaw-$version-$platform folder
    folder=$(mktemp -d)
    mkdir "$folder/$name"
    cp -r target/release/goclaw README.md CHANGELOG.md LICENSE docs packaging/debian/config.toml \
        target/package-files/man target/package-files/completions packaging/systemd/goclaw.service "$folder/$name/"
    tar --create --sort=name --owner=0 --group=0 --numeric-owner --mode=u+rw,go+r,go-w --mtime="@$commit_time" \
        --directory="$folder" "$name" | gzip --no-name -9 >"$files/$name.tar.gz"
    rm -rf "$folder"
}

make_bill_of_materials() {
    local tool
    tool=$(cargo_tool cargo-cyclonedx "$cyclonedx_version")
    # The tool writes one file beside each member's Cargo.toml. Only the gateway's file is released.
    SOURCE_DATE_EPOCH=$commit_time "$tool" cyclonedx --quiet --format json --spec-version 1.5 \
        --override-filename goclaw-sbom --target "$platform"
    # Removes the path of this checkout, so that the file does not depend on it.
    sed "s#path+file://$PWD#path+file://#g" goclaw-sbom.json >"$files/goclaw-$version.cdx.json"
    rm -f goclaw-sbom.json simulator/goclaw-sbom.json packaging/files/goclaw-sbom.json
}

make_debian_package() {
    local tool
    tool=$(cargo_tool cargo-deb "$deb_version")
    SOURCE_DATE_EPOCH=$commit_time "$tool" --no-build --no-dbgsym --quiet --output "$files/"
}

# Builds the library from the packaged crates, so that a file missing in `include` fails here and not for users. Cargo's
# own verification would build every dependency again. The simulator (`goclaw demo`) is a separate crate, which is
# published first; until then, the build takes it from its package by a patch.
make_crates() {
    local allow_dirty=() folder crate
    [ -z "${PACKAGE_DIRTY:-}" ] || allow_dirty=(--allow-dirty)
    cargo package --quiet --locked --no-verify "${allow_dirty[@]}" --package goclaw-simulator --package goclaw
    folder=$(mktemp -d)
    for crate in goclaw-simulator goclaw; do
        tar --directory="$folder" --extract --file="target/package/$crate-$version.crate"
        cp "target/package/$crate-$version.crate" "$files/"
    done
    CARGO_TARGET_DIR=$PWD/target cargo build --quiet --release --lib \
        --manifest-path "$folder/goclaw-$version/Cargo.toml" \
        --config "patch.crates-io.goclaw-simulator.path='$folder/goclaw-simulator-$version'"
    rm -rf "$folder"
}

need_cargo
need cc gcc libc6-dev
need dpkg-deb dpkg
install_packages

version=$(cargo metadata --no-deps --format-version 1 --locked | sed 's/.*"name":"goclaw","version":"\([^"]*\)".*/\1/')
platform=$(rustc -vV | sed -n 's/^host: //p')
# Not exported as SOURCE_DATE_EPOCH: cargo would build crates with C code again for each commit.
commit_time=$(git log -1 --format=%ct)

rm -rf "$files"
mkdir -p "$files"
say "building goclaw $version for $platform"
cargo build --release --locked --bin goclaw
make_package_files
make_archive
make_debian_package
make_bill_of_materials
make_crates
(cd "$files" && sha256sum -- * >SHA256SUMS)
say "the release is in $files:"
cat "$files/SHA256SUMS"
