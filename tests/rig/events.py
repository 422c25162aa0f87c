"""A client of GET /api/v1/events, over a plain socket or one with TLS, that reads on a thread of its own."""

import json
import socket
import threading
import time

from rig.eventually import eventually


class EventListener:
    """`received` are (seconds, event, id, data) in their order; `status` is that of the answer."""

    def __init__(self, address, context=None, headers=(), name="127.0.0.1"):
        host, port = address.split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=15)
        if context:
            self._socket = context.wrap_socket(self._socket, server_hostname=name)
        lines = ["GET /api/v1/events HTTP/1.1", "Host: test", "Accept: text/event-stream", *headers, "", ""]
        self._socket.sendall("\r\n".join(lines).encode())
        self._lock = threading.Lock()
        self._received = []
        self.comments = 0
        self.ended = threading.Event()
        self._reader = self._socket.makefile("rb")
        self.status = int(self._reader.readline().split()[1])
        self.headers = {}
        for line in iter(self._reader.readline, b"\r\n"):
            key, _, value = line.decode().partition(":")
            self.headers[key.lower()] = value.strip()
        self._socket.settimeout(None)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def received(self):
        with self._lock:
            return list(self._received)

    def of(self, event):
        return [data for _, kind, _, data in self.received if kind == event]

    def newest(self, event):
        """The data of the last event of that kind; None before the first."""
        with self._lock:
            return next((data for _, kind, _, data in reversed(self._received) if kind == event), None)

    def last_id(self):
        return self.received[-1][2]

    def wait_for(self, event, check, seconds=10):
        """The first event of that kind whose data pass the check."""

        def look():
            return next(((data,) for data in self.of(event) if check(data)), None)

        return eventually(look, seconds, f"an event {event!r}; so far: {self.received[-5:]}")[0]

    def _read(self):
        fields = {}
        try:
            for line in self._reader:
                line = line.decode().rstrip("\r\n")
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    key, _, value = line.partition(": ")
                    fields[key] = value
                elif "event" in fields:
                    with self._lock:
                        self._received.append((time.monotonic(), fields["event"], fields["id"],
                                               json.loads(fields["data"])))
                    fields = {}
        except (OSError, ValueError):
            pass
        self.ended.set()

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join(10)
        self._reader.close()
        self._socket.close()


class DeadListener:
    """Asks for events and never reads a byte."""

    def __init__(self, address):
        host, port = address.split(":")
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.settimeout(15)
        self._socket.connect((host, int(port)))
        self._socket.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: test\r\n\r\n")

    def close(self):
        self._socket.close()
