"""Runs clients in parallel, each with its own gateway and simulator, and reports what works. `run.sh` starts it."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import matrix
from catalogue import CLIENTS, SITUATIONS
from servers import Servers

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests/clients"
# Number of clients that run at the same time. They mostly wait, so there are two per core.
PARALLEL = 2 * (os.cpu_count() or 1)
INSTALL_TIMEOUT = 900
# Length limit of a client's output in a failure report, in characters.
MAX_LOG_CHARS = 4000


@dataclass
class Outcome:
    """The results of a client. `missing` says why it did not run."""

    results: dict = field(default_factory=dict)
    reasons: dict = field(default_factory=dict)
    apis: list = field(default_factory=list)
    ignored: list = field(default_factory=list)
    missing: str = ""
    # Reasons why the run fails.
    problems: list = field(default_factory=list)
    log: str = ""


def install(kind, packages):
    """Installs packages with a function of tests/tools.sh. Returns their folder, or an error message."""
    command = ["bash", "-c", '. tests/tools.sh; "$@"', "clients", f"{kind}_tools", *packages]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=INSTALL_TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return f"the installation took more than {INSTALL_TIMEOUT} s"
    sys.stderr.write(done.stderr)
    if done.returncode == 0:
        return Path(done.stdout.strip())
    errors = [line for line in done.stderr.splitlines() if "error" in line.lower()]
    return f"could not be installed: {errors[-1].strip() if errors else 'no reason given'}"


def install_all(clients):
    """Installs the packages one set at a time, because npm and pip use all cores. Returns the folder of each set."""
    folders = {}
    for client in clients:
        key = packages_of(client)
        if key not in folders:
            folders[key] = check_go() if key[0] == "go" else install(*key)
    return folders


def check_go():
    """Returns the folder of the Go programs, or an error message. `go run` installs their packages."""
    needed = re.search(r"^go (\d+)\.(\d+)", (FOLDER / "go/go.mod").read_text(), re.MULTILINE)
    found = re.search(r"go(\d+)\.(\d+)", subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout)
    if not found or tuple(map(int, found.groups())) < tuple(map(int, needed.groups())):
        return f"needs Go {needed[1]}.{needed[2]} or newer"
    return FOLDER / "go"


def packages_of(client):
    if client.language == "go":
        return "go", ()
    return "python" if "==" in client.packages[0] else "node", tuple(sorted(client.packages))


def command_of(client, installed, folder):
    """Copies the client's program to `folder`. Returns its command, and the folder to put first in PATH, or None."""
    program = Path(client.program).name
    shutil.copytree(FOLDER / client.language, folder, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    if client.language == "node":
        (folder / "node_modules").symlink_to(installed / "node_modules")
        return ["node", program, *client.arguments], None
    if client.language == "python":
        return [installed / "bin/python", program, *client.arguments], None
    if client.language == "terminal":
        # The driver is a Python program and imports situations.py.
        shutil.copy(FOLDER / "python/situations.py", folder)
        return [sys.executable, program], installed / ("bin" if (installed / "bin").is_dir() else "node_modules/.bin")
    return ["go", "run", ".", *client.arguments], None


def environment(client, servers, home, bin_folder):
    """Returns the client's whole environment. Only PATH and the Go settings come from the caller's."""
    path = os.environ.get("PATH", os.defpath)
    return client.quiet | {
        "PATH": f"{bin_folder}{os.pathsep}{path}" if bin_folder else path,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENAI_BASE_URL": servers.base_url,
        "OPENAI_API_KEY": servers.token,
        "CLIENT_MODEL": client.model,
        "SIMULATOR_CONTROL_URL": servers.control_url,
    } | go_folders(client)


def go_folders(client):
    """Returns the caller's Go settings, so that a Go client shares its module and build caches."""
    if client.language != "go":
        return {}
    names = ["GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GOFLAGS"]
    found = json.loads(subprocess.run(["go", "env", "-json", *names], capture_output=True, text=True, check=True).stdout)
    return {name: value for name, value in found.items() if value}


def run_client(client, installed, programs):
    if isinstance(installed, str):
        return Outcome(missing=installed)
    with tempfile.TemporaryDirectory(prefix="goclaw-client-") as temporary:
        temporary = Path(temporary)
        for name in ("servers", "home", "work"):
            (temporary / name).mkdir()
        with Servers(programs, temporary / "servers") as servers:
            command, bin_folder = command_of(client, installed, temporary / "work")
            variables = environment(client, servers, temporary / "home", bin_folder)
            output, log, code = run_bounded(command, temporary / "work", variables, client.timeout)
            outcome = judge(client, output, code)
            outcome.apis, outcome.ignored = apis_of(servers.tap.paths()), sorted(servers.tap.ignored())
            outcome.log = log
            return outcome


def run_bounded(command, folder, variables, timeout):
    """Runs a program, then kills its process group. Returns its standard output, its standard error and its exit status,
    which is None after a timeout."""
    # Files instead of pipes, because a child that has left the group could keep a pipe open.
    with open(folder.parent / "results", "w+b") as results, open(folder.parent / "messages", "w+b") as messages:
        program = subprocess.Popen(
            command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=results, stderr=messages, start_new_session=True
        )
        try:
            code = program.wait(timeout)
        except subprocess.TimeoutExpired:
            code = None
        end_group(program.pid)
        program.wait()
        output, log = (text_of(file) for file in (results, messages))
    if code is None:
        log += f"\nstopped after {timeout} s"
    return output, log, code


def text_of(file):
    file.seek(0)
    return file.read().decode(errors="replace")


def end_group(group):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def apis_of(paths):
    names = {"/v1/responses": "Responses", "/v1/chat/completions": "Chat"}
    return [name for path, name in names.items() if path in paths]


def judge(client, output, code):
    """Parses the results that a program printed and compares them with the catalogue."""
    outcome = Outcome()
    for line in output.splitlines():
        try:
            printed = json.loads(line)
            outcome.results[printed["situation"]] = printed["result"]
            outcome.reasons[printed["situation"]] = printed.get("reason", "")
        except (ValueError, TypeError, KeyError):
            continue
    for name in SITUATIONS:
        if name not in outcome.results:
            outcome.problems.append(f"{name}: not reported")
    for name, result in outcome.results.items():
        if result == "fails" and name not in client.faults:
            outcome.problems.append(f"{name}: {outcome.reasons[name]}")
        if result != "fails" and name in client.faults:
            outcome.problems.append(f"{name}: {result}, but the catalogue lists a fault of the client; remove it")
    if code != (1 if "fails" in outcome.results.values() else 0):
        outcome.problems.append("the program did not end" if code is None else f"exit status {code}")
    return outcome


def choose(arguments):
    if arguments == ["--fast"]:
        return [client for client in CLIENTS if client.fast]
    known = {client.name: client for client in CLIENTS}
    unknown = [name for name in arguments if name not in known]
    if unknown:
        sys.exit(f"run.sh: there is no client {', '.join(unknown)}; clients are: {' '.join(known)}")
    return [known[name] for name in arguments] or CLIENTS


def main(programs, *arguments):
    clients = choose(list(arguments))
    folders = install_all(clients)
    with ThreadPoolExecutor(PARALLEL) as pool:
        running = {client.name: pool.submit(run_client, client, folders[packages_of(client)], programs) for client in clients}
    outcomes = {name: future.result() for name, future in running.items()}
    failed = False
    for client in clients:
        outcome = outcomes[client.name]
        if outcome.problems:
            failed = True
            print(f"\n--- {client.name}\n{outcome.log[-MAX_LOG_CHARS:]}", *outcome.problems, sep="\n", file=sys.stderr)
    print(matrix.format_plain(clients, outcomes))
    if not arguments:
        matrix.write(ROOT / "docs/clients.md", clients, outcomes)
    elif absent := matrix.clients_without_row(ROOT / "docs/clients.md", CLIENTS):
        sys.exit(f"docs/clients.md lacks {', '.join(absent)}; run tests/clients/run.sh without arguments")
    missing = [client.name for client in clients if client.fast and outcomes[client.name].missing]
    if missing:
        sys.exit(f"could not install {', '.join(missing)}; see the output above")
    sys.exit(failed)


if __name__ == "__main__":
    main(*sys.argv[1:])
