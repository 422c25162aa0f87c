"""A small client of the Docker Engine API over its Unix socket: what the tests look at, not how the program does it."""

import dataclasses
import http.client
import json
import socket
import urllib.parse


class ApiError(RuntimeError):
    def __init__(self, what, status, message):
        super().__init__(f"{what}: {status} {message}")
        self.status = status


@dataclasses.dataclass(frozen=True)
class Replica:
    """One container of a Compose service, as the engine tells it."""

    id: str
    name: str
    number: int
    state: str  # created, running, restarting, exited, …
    status: str  # "Up 3 seconds (healthy)"
    image: str
    labels: dict


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class EngineApi:
    def __init__(self, socket_path):
        self.socket_path = socket_path

    def call(self, method, path, body=None, query=None, content_type="application/json", seconds=60):
        """The decoded answer; a status of 400 or more is an ApiError. `body` is data for JSON, or a file to send."""
        if query:
            path += "?" + urllib.parse.urlencode(
                {key: value if isinstance(value, str) else json.dumps(value) for key, value in query.items()})
        if body is not None and content_type == "application/json":
            body = json.dumps(body)
        connection = _UnixConnection(self.socket_path, seconds)
        try:
            connection.request(method, path, body, {"Content-Type": content_type} if body is not None else {})
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        finally:
            connection.close()
        if answer.status >= 400:
            raise ApiError(f"{method} {path}", answer.status, text.strip())
        if answer.getheader("Content-Type", "").startswith("application/json"):
            lines = text.splitlines()  # some answers are one document a line
            return json.loads(text) if len(lines) <= 1 else [json.loads(line) for line in lines]
        return text

    def containers(self, *labels, everything=True):
        return self.call("GET", "/containers/json", query={"all": everything, "filters": {"label": list(labels)}})

    def inspect(self, container):
        return self.call("GET", f"/containers/{container}/json")

    def replicas(self, project, service):
        """The replicas of a Compose service by number, whatever their state."""
        found = self.containers(f"com.docker.compose.project={project}", f"com.docker.compose.service={service}",
                                "com.docker.compose.oneoff=False")
        replicas = [Replica(each["Id"], each["Names"][0].lstrip("/"),
                            int(each["Labels"]["com.docker.compose.container-number"]), each["State"], each["Status"],
                            each["Image"], each["Labels"]) for each in found]
        return sorted(replicas, key=lambda replica: replica.number)

    def running(self, project, service):
        """How many replicas run, as docker ps counts them."""
        return sum(replica.state == "running" for replica in self.replicas(project, service))

    def import_image(self, name, tar, changes=()):
        """Makes an image of a root file system."""
        repository, tag = name.rsplit(":", 1)
        query = [("fromSrc", "-"), ("repo", repository), ("tag", tag), *(("changes", change) for change in changes)]
        told = self.call("POST", "/images/create?" + urllib.parse.urlencode(query), tar,
                         content_type="application/x-tar", seconds=300)
        for line in told if isinstance(told, list) else [told]:
            if "error" in line:
                raise RuntimeError(f"importing {name}: {line['error']}")

    def has_image(self, name):
        try:
            self.call("GET", f"/images/{name}/json")
        except ApiError as error:
            if error.status != 404:
                raise
            return False
        return True

    def exec(self, container, argv):
        """What a command prints in a running container, and its exit status."""
        made = self.call("POST", f"/containers/{container}/exec",
                         {"AttachStdout": True, "AttachStderr": True, "Tty": True, "Cmd": argv})
        text = self.call("POST", f"/exec/{made['Id']}/start", {"Tty": True})
        return text, self.call("GET", f"/exec/{made['Id']}/json")["ExitCode"]

    def logs(self, container):
        """What it printed, on either stream; each piece of it has a frame of eight bytes before it."""
        return self.call("GET", f"/containers/{container}/logs", query={"stdout": True, "stderr": True})

    def remove(self, container):
        self.call("DELETE", f"/containers/{container}", query={"force": True, "v": True})
