"""The shipped socket proxy: Debian's HAProxy with one of the lists of compose/socket-proxy, before an engine's socket."""

import os
import shutil
import socket

from rig.eventually import eventually
from rig.processes import Process

_LISTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "compose", "socket-proxy")


class SocketProxy:
    def __init__(self, scratch, engine, name):
        with open(os.path.join(_LISTS, name), encoding="utf-8") as file:
            text = file.read()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        for shipped, here in (("bind :2375", f"bind 127.0.0.1:{self.port}"),
                              ("unix@/var/run/docker.sock", f"unix@{engine.socket_path}")):
            assert shipped in text, f"{name} has no {shipped!r}"
            text = text.replace(shipped, here)
        self._process = None
        program = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
        self._command = [program, "-db", "-f", scratch.file("haproxy.cfg", text=text)]
        self._log = scratch.file("haproxy.log")
        self.start()

    def start(self):
        """Starts it (again), on the same port."""
        self._process = Process("haproxy", self._command, self._log)
        eventually(self._listens, 10, "the proxy listens")

    @property
    def host(self):
        """For DOCKER_HOST and the key docker.host."""
        return f"tcp://127.0.0.1:{self.port}"

    def _listens(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True

    def close(self):
        self._process.kill()
