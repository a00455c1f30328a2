"""Starts a simulator and a gateway behind a tap for one client, logs in and creates an API token."""

import json
import os
import re
import select
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

# Seconds, for the start and the end of a program and for each request.
TIMEOUT = 30
# Bounds the tap's memory: the bytes that it keeps of each direction of a connection.
MAX_COPY = 8 << 20
# Not anchored to a line start: on a reused connection, the request line follows the previous body directly.
CALL = re.compile(rb"POST (/v1/[^ ?]*)[^ ]* HTTP/1\.1\r\n")
IGNORED = re.compile(rb"^goclaw-ignored-parameters: ([^\r\n]*)\r$", re.MULTILINE | re.IGNORECASE)
# Ignores the proxy variables of the environment.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class StartError(Exception):
    """A server did not start; the text includes its log."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(url, token=None, body=None):
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    with OPENER.open(urllib.request.Request(url, data, headers), timeout=TIMEOUT) as response:
        return response.read().decode()


class Tap:
    """Forwards connections unchanged. It keeps a copy of the bytes, in which it finds request paths and headers."""

    def __init__(self, port):
        self.target = ("127.0.0.1", port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sent, self.received = [], []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                gateway = socket.create_connection(self.target)
            except OSError:
                # The client sees a closed connection, as it would without the tap.
                client.close()
                continue
            for source, sink, copies in ((client, gateway, self.sent), (gateway, client, self.received)):
                copy = bytearray()
                copies.append(copy)
                threading.Thread(target=forward, args=(source, sink, copy), daemon=True).start()

    def close(self):
        self.listener.close()

    def paths(self):
        """Returns the paths of all POST requests."""
        return {path.decode() for copy in list(self.sent) for path in CALL.findall(bytes(copy))}

    def ignored(self):
        """Returns the parameters that the gateway reported as ignored."""
        headers = (found.decode() for copy in list(self.received) for found in IGNORED.findall(bytes(copy)))
        return {name.strip() for header in headers for name in header.split(",")}


def forward(source, sink, copy):
    try:
        while piece := source.recv(1 << 16):
            copy.extend(piece[: max(0, MAX_COPY - len(copy))])
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        # One side closed the connection, so close both.
        for connection in (source, sink):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Servers:
    """A gateway with an account, and the simulator behind it. Use it in a `with` statement."""

    def __init__(self, programs, folder):
        self.programs, self.folder, self.processes, self.tap = programs, folder, [], None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error):
        if self.tap:
            self.tap.close()
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self):
        addresses = self.simulator_addresses()
        self.control_url = addresses["control_url"]
        data, port = os.path.join(self.folder, "data"), free_port()
        settings = {
            "GOCLAW_DATA_DIR": data,
            "GOCLAW_PORT": str(port),
            "GOCLAW_CALLBACK__PORT": str(free_port()),
            "GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER": addresses["issuer"],
            "GOCLAW_PROVIDERS__OPENAI_CODEX__API_BASE": addresses["backend_url"],
        }
        gateway = self.spawn("goclaw", settings)
        url = f"http://127.0.0.1:{port}"
        self.wait_until_healthy(gateway, url)
        with open(os.path.join(data, "gateway.token")) as file:
            token = file.read().strip()
        login = json.loads(call(f"{url}/v1/auth/openai/start", token, {}))
        # The simulator approves at once and redirects to the gateway's callback.
        call(login["auth_url"])
        self.token = json.loads(call(f"{url}/v1/tokens", token, {"name": "client"}))["token"]
        self.tap = Tap(port)
        self.base_url = f"http://127.0.0.1:{self.tap.port}/v1"

    def spawn(self, program, settings, *arguments):
        """Starts a program without the caller's environment, which may have GOCLAW_ variables."""
        with open(os.path.join(self.folder, f"{program}.log"), "w") as log:
            command = [os.path.join(self.programs, program), *arguments]
            output = subprocess.PIPE if program == "goclaw-simulator" else log
            process = subprocess.Popen(command, env=settings, stdin=subprocess.DEVNULL, stdout=output, stderr=log, text=True)
        self.processes.append(process)
        return process

    def simulator_addresses(self):
        """Starts the simulator and returns the addresses that it prints."""
        output = self.spawn("goclaw-simulator", {}, "--approval", "auto").stdout
        is_ready, _, _ = select.select([output], [], [], TIMEOUT)
        line = output.readline() if is_ready else ""
        if not line:
            raise StartError(self.log("goclaw-simulator"))
        return json.loads(line)

    def wait_until_healthy(self, gateway, url):
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline and gateway.poll() is None:
            try:
                call(f"{url}/healthz")
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise StartError(self.log("goclaw"))

    def log(self, program):
        with open(os.path.join(self.folder, f"{program}.log")) as log:
            return f"{program} did not start:\n{log.read()}"
