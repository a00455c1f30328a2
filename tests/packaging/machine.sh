# A Debian machine for one test: a container with systemd and without a network. tests/packaging.sh sources this file.

# The packages of a minimal Debian installation, and bash-completion and man-db, which administrators usually add.
readonly machine_release=bookworm
readonly machine_packages=systemd,ca-certificates,adduser,bash-completion,man-db
# Seconds for the machine to boot.
readonly boot_deadline=60

# Starts a new machine. A trap on EXIT stops it.
start_machine() {
    local image
    # The name contains a checksum of the packages, so that another list gets another image.
    image=$PWD/target/machine-$machine_release-$(cksum <<<"$machine_packages" | cut -d' ' -f1).tar
    if [ ! -e "$image" ]; then
        say "making a Debian $machine_release machine"
        # Uses the package sources of the host, because the host can reach them.
        mmdebstrap --quiet --format=tar --variant=minbase --include="$machine_packages" "$machine_release" "$image.draft" \
            /etc/apt/sources.list.d/debian.sources >&2 || fail "the machine could not be made; see the output above."
        mv "$image.draft" "$image"
    fi
    machine=$(mktemp -d)
    tar --directory="$machine" --extract --file="$image"
    systemd-nspawn --quiet --register=no --keep-unit --private-network --link-journal=no --directory="$machine" --boot \
        </dev/null >"$machine.log" 2>&1 &
    container=$!
    trap stop_machine EXIT
    for ((i = 0; i < boot_deadline * 5; i++)); do
        leader=$(pgrep --parent "$container" || true)
        # Without devices, systemd is often `degraded`. The test checks the units it needs itself.
        if [ -n "$leader" ] && inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; then return; fi
        sleep 0.2
    done
    tail -n 20 "$machine.log" >&2
    fail "the machine did not boot within $boot_deadline s"
}

stop_machine() {
    # This signal makes systemd power off.
    [ -z "${leader:-}" ] || kill -s RTMIN+4 "$leader" 2>/dev/null || true
    for ((i = 0; i < 100; i++)); do kill -0 "$container" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$container" 2>/dev/null || true
    wait "$container" 2>/dev/null || true
    rm -rf "$machine" "$machine.log"
}

# inside COMMAND...: runs a command as root on the machine.
inside() {
    nsenter --target "$leader" --mount --uts --ipc --net --pid --cgroup --root --wd=/ -- \
        env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"
}

# property NAME: prints a property of the service.
property() { inside systemctl show --property="$1" --value goclaw; }
