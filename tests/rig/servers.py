"""Small HTTP servers inside the test: one that collects what is posted to it, one whose metrics a test sets."""

import dataclasses
import http.server
import json
import socket
import threading
import time


@dataclasses.dataclass(frozen=True)
class Request:
    time: float  # of the monotonic clock
    method: str
    path: str
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


class HttpServer:
    """Serves on a free loopback port until close(); with an SSLContext by TLS."""

    def __init__(self, tls=None):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(time.monotonic(), self.command, self.path, dict(self.headers), body)
                status, kind, text = outer.answer(request)
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = answer  # noqa: N815, the names that the library looks for

            def log_message(self, *_arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def address(self):
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self):
        return f"http://{self.address}"

    def answer(self, request):
        raise NotImplementedError

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Collector(HttpServer):
    """Keeps every request; answers with `status` (200 unless a test sets another)."""

    def __init__(self):
        self.status = 200
        self._lock = threading.Lock()
        self._requests = []
        super().__init__()

    def answer(self, request):
        with self._lock:
            self._requests.append(request)
        return self.status, "application/json", "{}"

    def requests(self):
        with self._lock:
            return list(self._requests)


class MetricsSource(HttpServer):
    """A thing for Prometheus to scrape, whose gauges are what the test says: the load that rises and falls."""

    def __init__(self, **gauges):
        self._gauges = dict(gauges)
        super().__init__()

    def set(self, **gauges):
        self._gauges = {**self._gauges, **gauges}

    def answer(self, _request):
        text = "".join(f"# TYPE {name} gauge\n{name} {value}\n" for name, value in self._gauges.items())
        return 200, "text/plain; version=0.0.4", text


class Probes(HttpServer):
    """What the probes of pods ask (kubernetes_objects.pod_spec): /ready and /alive, each true until a test says else."""

    def __init__(self):
        self.ready = True
        self.alive = True
        super().__init__()

    def answer(self, request):
        good = {"/ready": self.ready, "/alive": self.alive}[request.path]
        return 200 if good else 503, "text/plain", "yes" if good else "no"


class SilentEngine:
    """A Unix socket where something accepts every connection, reads what comes, and never answers."""

    def __init__(self, scratch):
        self.path = scratch.file("silent.sock")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(self.path)
        self._socket.listen(64)
        self._connections = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def connections(self):
        """How many there have been."""
        return len(self._connections)

    def _accept(self):
        while True:
            try:
                self._connections.append(self._socket.accept()[0])
            except OSError:  # closed
                return

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for connection in self._connections:
            connection.close()
