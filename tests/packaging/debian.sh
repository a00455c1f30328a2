# Installs, upgrades and removes the Debian package on a machine with systemd. tests/packaging.sh sources this file.

step_debian() {
    local deb newer
    deb=$(echo "$files"/goclaw_*.deb)
    [ -e "$deb" ] || { packaging/release.sh "$files" >&2; deb=$(echo "$files"/goclaw_*.deb); }
    check "lintian" lintian --fail-on error,warning --suppress-tags-from-file tests/packaging/lintian.tags "$deb"
    newer=$(newer_package "$deb")
    start_machine
    cp "$deb" "$machine/root/first.deb"
    cp "$newer" "$machine/root/second.deb"
    install_and_use
    configure_wrongly
    use_credentials
    upgrade_keeps_everything
    remove_and_purge
}

# Repacks a package under a higher version.
newer_package() {
    local folder
    folder=$(mktemp -d target/newer-XXXXXX)
    dpkg-deb --raw-extract "$1" "$folder/files"
    sed -i 's/^Version: .*/Version: 9.9.9-1/' "$folder/files/DEBIAN/control"
    dpkg-deb --root-owner-group --build "$folder/files" "$folder/newer.deb" >&2
    rm -rf "$folder/files"
    printf '%s\n' "$folder/newer.deb"
}

goclaw() { inside goclaw --config /etc/goclaw/config.toml "$@"; }

# check_equal WHAT EXPECTED ACTUAL: fails unless both are equal.
check_equal() {
    [ "$2" = "$3" ] || fail "$1: expected \"$2\", found \"$3\""
    say "$1: $3"
}

install_and_use() {
    local main
    check "installs" inside apt-get install --yes --quiet /root/first.deb
    check_equal "the service after the installation" active "$(property ActiveState)"
    check_equal "it starts at boot" enabled "$(inside systemctl is-enabled goclaw)"
    check_equal "its status in systemd" "Listening on 127.0.0.1:3577" "$(property StatusText)"
    check_equal "the data folder" "700 goclaw goclaw" "$(inside stat --format='%a %U %G' /var/lib/goclaw)"
    check_equal "the configuration" "640 root goclaw" "$(inside stat --format='%a %U %G' /etc/goclaw/config.toml)"
    main=$(property MainPID)
    check_equal "its user" goclaw "$(inside stat --format=%U "/proc/$main")"
    # No capability, NoNewPrivs, and seccomp mode 2: a filter.
    check_equal "capabilities, privileges, system calls" "0000000000000000 1 2" \
        "$(inside awk '/^(CapEff|NoNewPrivs|Seccomp):/ { print $2 }' "/proc/$main/status" | paste -sd' ')"
    check "goclaw health" goclaw health
    check "a link to the page" goclaw open
    check "the configuration is valid" inside runuser -u goclaw -- goclaw --config /etc/goclaw/config.toml config check
    # The machine has no network.
    check_fails "doctor finds the providers out of reach" "PROBLEM  https://auth.openai.com" \
        inside runuser -u goclaw -- goclaw --config /etc/goclaw/config.toml doctor
    check_fails "and the rest in order" "ok       encryption key: opens the database" \
        inside runuser -u goclaw -- goclaw --config /etc/goclaw/config.toml doctor
    check_fails "auth status before a login" "No OAuth tokens found." goclaw auth status
    check_fails "other users cannot read the configuration" "cannot read the configuration file" \
        inside runuser -u nobody -- goclaw --config /etc/goclaw/config.toml auth status
    check "man goclaw-auth-login" inside man --pager=cat goclaw-auth-login
    check "completions in bash" inside bash -c '. /usr/share/bash-completion/bash_completion && _completion_loader goclaw; complete -p goclaw'
    check_fails "the journal of a start has no warning" "no entries" inside bash -c \
        'journalctl --unit=goclaw --output=cat --no-pager | grep -E "WARN|ERROR" || { echo no entries; exit 1; }'
}

# systemd does not restart the service after exit code 2, so the reason stays the last line of the log.
configure_wrongly() {
    check_equal "crashes since the installation" 0 "$(property NRestarts)"
    inside sed -i '1i server.prot = 1' /etc/goclaw/config.toml
    check_fails "a start with an unknown setting" "failed" inside systemctl restart goclaw
    check_equal "restarts meanwhile" 0 "$(property NRestarts)"
    check "the log names the setting" inside bash -c 'journalctl --unit=goclaw --no-pager | grep -q "unknown setting server.prot"'
    inside sed -i 1d /etc/goclaw/config.toml
    check "starts again" inside systemctl restart goclaw
}

use_credentials() {
    local token=a-token-from-an-encrypted-credential
    inside mkdir -p /etc/credstore.encrypted
    check "encrypts a credential" inside bash -c \
        "printf %s $token | systemd-creds encrypt --name=goclaw.token - /etc/credstore.encrypted/goclaw.token"
    check "restarts with the credential" inside systemctl restart goclaw
    check "accepts its token" inside env GOCLAW_GATEWAY_URL=http://127.0.0.1:3577 GOCLAW_TOKEN=$token goclaw providers list
    check_fails "and no longer the file's" "token" goclaw providers list
    inside rm /etc/credstore.encrypted/goclaw.token
    check "restarts without it" inside systemctl restart goclaw
    check "accepts the file's token again" goclaw providers list
}

upgrade_keeps_everything() {
    local before after main
    inside sed -i 's/^#callback.timeout = .*/callback.timeout = "5m"/' /etc/goclaw/config.toml
    check_equal "crashes since the last start" 0 "$(property NRestarts)"
    before=$(inside sha256sum /var/lib/goclaw/gateway.token /var/lib/goclaw/encryption.key /etc/goclaw/config.toml)
    check "a token for a program" goclaw tokens create kept
    main=$(property MainPID)
    check "upgrades" inside apt-get install --yes --quiet /root/second.deb
    after=$(inside sha256sum /var/lib/goclaw/gateway.token /var/lib/goclaw/encryption.key /etc/goclaw/config.toml)
    check_equal "the service after the upgrade" active "$(property ActiveState)"
    [ "$main" != "$(property MainPID)" ] || fail "the upgrade did not restart the service"
    check_equal "keys, token and changed configuration" "$before" "$after"
    check "the program's token is still there" inside bash -c 'goclaw --config /etc/goclaw/config.toml tokens list | grep -q kept'
    check "the old process stopped cleanly" inside bash -c 'journalctl --unit=goclaw --output=cat --no-pager | grep -q stopped'
}

remove_and_purge() {
    local key
    key=$(inside sha256sum /var/lib/goclaw/encryption.key)
    check "removes" inside apt-get remove --yes --quiet goclaw
    check_equal "the service after the removal" inactive "$(property ActiveState)"
    check_equal "the key after the removal" "$key" "$(inside sha256sum /var/lib/goclaw/encryption.key)"
    check "installs again" inside apt-get install --yes --quiet /root/second.deb
    check "finds its program's token" inside bash -c 'goclaw --config /etc/goclaw/config.toml tokens list | grep -q kept'
    check "purges" inside apt-get purge --yes --quiet goclaw
    for path in /var/lib/goclaw /etc/goclaw /usr/bin/goclaw /usr/lib/systemd/system/goclaw.service; do
        check "$path is gone" inside test ! -e "$path"
    done
}
