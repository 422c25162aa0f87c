"""Stands before an API server, as a proxy that shows the same certificate, and makes the trouble that a test commands.

trouble.cause(throttled(), method="PATCH", path="/scale$", times=3)
"""

import contextlib
import dataclasses
import http.client
import http.server
import json
import re
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Fault:
    """What becomes of a request; see the functions below."""

    name: str
    status: int = 0  # with this and the next two it is answered; 0: it is not
    headers: dict = dataclasses.field(default_factory=dict)
    body: str = ""
    forward: bool = False  # to the API server, whose answer counts if there is no status
    answer: bool = True
    before: Callable = None  # is called with the request before anything else
    hold: bool = False  # until the fault ends, and then the connection is closed


def _status_object(code, reason, message):
    return json.dumps({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
                       "reason": reason, "code": code})


def answered(code, reason, message="trouble that a test made"):
    """With a Status object, as nearly every error of an API server."""
    return Fault(f"{code} {reason}", code, {"Content-Type": "application/json"}, _status_object(code, reason, message))


def throttled(retry_after=1):
    """429 as priority and fairness gives it: plain text, no Status object. The request was not carried out."""
    return Fault("throttled", 429, {"Content-Type": "text/plain; charset=utf-8", "Retry-After": str(retry_after)},
                 "Too many requests, please try again later.")


def internal_error():
    return answered(500, "InternalError", "Internal error occurred: trouble that a test made")


def unavailable():
    """503 as a load balancer gives it that finds no server behind it."""
    return Fault("503", 503, {"Content-Type": "text/html"}, "<html><body>503 Service Unavailable</body></html>")


def timed_out():
    """504 of a server whose etcd is slow: a Status object that is called plain text. The write may come yet."""
    return Fault("504", 504, {"Content-Type": "text/plain; charset=utf-8"},
                 _status_object(504, "Timeout", "Timeout: request did not complete within the allotted timeout"))


def conflict():
    """409 to a write, as if somebody had been faster."""
    return answered(409, "Conflict", "Operation cannot be fulfilled: the object has been modified; please apply your "
                                     "changes to the latest version and try again")


def stalled():
    """The request is read, and nothing comes back until the fault ends."""
    return Fault("stalled", hold=True, answer=False)


def unanswered():
    """The request is carried out, and nothing comes back until the fault ends."""
    return Fault("unanswered", forward=True, hold=True, answer=False)


def lost_answer():
    """The request is carried out, and the connection closed before the answer."""
    return Fault("lost answer", forward=True, answer=False)


def cut():
    """The connection is closed, and the request not carried out."""
    return Fault("cut", answer=False)


def slow(seconds):
    return Fault(f"{seconds} s slower", forward=True, before=lambda _request: time.sleep(seconds))


def after(action):
    """`action` is called with the Request before it is forwarded: a second writer that is just a little faster."""
    return Fault("after something", forward=True, before=action)


@dataclasses.dataclass(frozen=True)
class Request:
    """As it came; `status` is what was answered, 0 nothing."""

    time: float  # of the monotonic clock
    method: str
    path: str
    headers: dict
    body: bytes
    status: int = 0

    def json(self):
        return json.loads(self.body)


@dataclasses.dataclass
class _Order:
    fault: Fault
    method: str
    path: str
    left: int
    ended: threading.Event

    def meets(self, request):
        return (self.left > 0 and not self.ended.is_set() and re.fullmatch(self.method, request.method) and
                re.search(self.path, request.path))


class ApiTrouble:
    """Passes everything on until it is told otherwise. `url` takes the place of the API server's in a kubeconfig."""

    def __init__(self, control_plane):
        self._plane = control_plane
        self._lock = threading.Lock()
        self._orders = []
        self._pending = []
        self._requests = []
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(control_plane.file("server-cert.pem"), control_plane.file("server-key.pem"))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        # The handshake is the handler's thread's, so that a slow client holds up nobody.
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def url(self):
        return f"https://127.0.0.1:{self._server.server_address[1]}"

    def cause(self, fault, method=".*", path="", times=1_000_000):
        """From now on, for so many requests whose method and path (with its query) fit these regular expressions.

        What was commanded last counts first. Returns a function that ends it.
        """
        order = _Order(fault, method, path, times, threading.Event())
        with self._lock:
            self._orders.insert(0, order)
        return order.ended.set

    def end(self):
        """Of all trouble; what is stalled is cut."""
        with self._lock:
            for order in self._orders:
                order.ended.set()
            self._orders.clear()

    def requests(self, method=".*", path=""):
        """Those that were dealt with, oldest first."""
        with self._lock:
            return _fitting(self._requests, method, path)

    def pending(self, method=".*", path=""):
        """Those that are being dealt with: what is stalled, for instance."""
        with self._lock:
            return _fitting(self._pending, method, path)

    def forget(self):
        """The requests so far."""
        with self._lock:
            self._requests.clear()

    def close(self):
        self.end()
        self._server.shutdown()
        self._server.server_close()

    def deal_with(self, request):
        """Called by the handler: (status, headers, body), or None to close the connection."""
        with self._lock:
            order = next((each for each in self._orders if each.meets(request)), None)
            if order:
                order.left -= 1
            self._pending.append(request)
        answer = None
        try:
            answer = self._answer(request, order)
        finally:
            with self._lock:
                self._pending.remove(request)
                self._requests.append(dataclasses.replace(request, status=answer[0] if answer else 0))
        return answer

    def _answer(self, request, order):
        fault = order.fault if order else Fault("none", forward=True)
        if fault.before:
            fault.before(request)
        answer = self._forward(request) if fault.forward else (fault.status, fault.headers, fault.body.encode())
        if fault.hold:
            order.ended.wait()
        return answer if fault.answer else None

    def _forward(self, request):
        """None when there is no API server."""
        context = ssl.create_default_context(cafile=self._plane.file("ca.pem"))
        where = urllib.parse.urlsplit(self._plane.url)
        connection = http.client.HTTPSConnection(where.hostname, where.port, timeout=70, context=context)
        headers = {key: value for key, value in request.headers.items() if key.lower() not in ("host", "connection")}
        with contextlib.closing(connection):
            try:
                connection.request(request.method, request.path, request.body or None, headers)
                answer = connection.getresponse()
                return answer.status, dict(answer.getheaders()), answer.read()
            except (OSError, http.client.HTTPException):
                return None


def _fitting(requests, method, path):
    return [each for each in requests if re.fullmatch(method, each.method) and re.search(path, each.path)]


def _handler(trouble):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 300

        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = trouble.deal_with(
                Request(time.monotonic(), self.command, self.path, dict(self.headers), body))
            if answer is None:
                self.close_connection = True
                return
            status, headers, text = answer
            self.send_response_only(status)
            for key, value in headers.items():
                if key.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815, the names that the library looks for

        def handle(self):
            with contextlib.suppress(OSError):  # a client that went away, also within its handshake
                super().handle()

        def finish(self):
            with contextlib.suppress(OSError):
                super().finish()

        def log_message(self, *_arguments):
            pass

    return Handler
