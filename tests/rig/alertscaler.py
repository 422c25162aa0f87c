"""Our program as a user runs it: the real binary, a configuration file, a storage directory, a port of its own."""

import contextlib
import os
import pwd
import re

from rig import http_json
from rig.eventually import eventually
from rig.processes import Process, run

_SAMPLE = re.compile(r'^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$')
_COMPLAINT = re.compile(r"^.*(ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error: ).*$", re.MULTILINE)
_LABEL = re.compile(r'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"')


def binary():
    path = os.environ.get("ALERTSCALER_BIN")
    assert path, "set ALERTSCALER_BIN to the alertscaler program that is to be tested (ctest does)"
    return path


def sanitized():
    """Is it a build with sanitizers, which keeps freed memory and is slow?"""
    return any(word in binary() for word in ("asan", "tsan"))


def run_once(*arguments, seconds=20, env=None):
    """Runs the program with these arguments until it ends by itself."""
    return run([binary(), *arguments], seconds, check=False, env=env)


class Alertscaler:
    """Starts at once and serves when the constructor returns; ready=False does not wait for /-/ready too.

    With `user` (of the machine, such as "nobody") it runs as that one and not as root; with `inside` it has the network
    of those Namespaces; with `disk`, a SmallDisk, its storage is there; `config_file` is used instead of one of its own.
    """

    def __init__(self, scratch, config, options=(), env=None, ready=True, user=None, inside=None, disk=None,
                 name="alertscaler", config_file=None):
        self.name = name
        self._scratch = scratch
        self._config = config_file or scratch.file(name, "alertscaler.yml", text=config)
        self.storage = f"{disk.path}/data" if disk else scratch.directory(name, "data")
        self._options = list(options)
        self._inside = inside
        self._prefix = inside.network_command([]) if inside else []
        self._prefix += disk.command([]) if disk else []
        if user:
            self._prefix += self._become(user)
        self._address = "127.0.0.1:0"
        self.process = None
        self.start(env, ready)

    @property
    def address(self):
        return self._address

    @property
    def url(self):
        return f"http://{self._address}"

    def _become(self, user):
        """The words before the program that make it run as that user, who gets the files that it needs."""
        entry = pwd.getpwnam(user)
        os.chmod(self._scratch.path, 0o711)
        os.chown(self.storage, entry.pw_uid, entry.pw_gid)
        return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups",
                "--pdeathsig=KILL", "--"]  # another user: what _die_with() asked of the kernel is forgotten

    @property
    def log_path(self):
        return self._scratch.file(f"{self.name}.log")

    def start(self, env=None, ready=True, options=None):
        """Starts it (again): the same configuration, storage and port. `env` is for this start only.

        `options` take the place of those that it had.
        """
        self._options = self._options if options is None else list(options)
        log_path = self.log_path
        logged = os.path.getsize(log_path) if os.path.exists(log_path) else 0
        self.process = Process(self.name, [
            *self._prefix, binary(), "serve", f"--config.file={self._config}", f"--storage.path={self.storage}",
            f"--web.listen-address={self._address}", "--log.level=debug", *self._options], log_path, env)
        told = self.process.wait_for_log(r"^.*\bevent=listening\b.*\baddress=\"?(127\.0\.0\.1:\d+)\"?", 20, logged)
        self._address = told.group(1)
        if ready:
            self.wait_ready()

    def configure(self, config):
        """Puts another configuration in the place of its file, at once; it is read at the next start or reload."""
        with open(self._config + ".new", "w", encoding="utf-8") as new:
            new.write(config)
        os.replace(self._config + ".new", self._config)

    def wait_ready(self, seconds=20):
        def ready():
            answer = self.request("/-/ready")
            assert answer.status == 200, f"{answer.status} {answer.text.strip()}"
            return True

        eventually(ready, seconds, "alertscaler is ready")

    def start_refused(self):
        """Tries to start it; what it says as it ends with status 1."""
        ended = run([*self._prefix, binary(), "serve", f"--config.file={self._config}",
                     f"--storage.path={self.storage}", f"--web.listen-address={self._address}"], 20, check=False)
        assert ended.returncode == 1, ended
        return ended.stderr

    def terminate(self, seconds=15):
        """SIGTERM; the exit status."""
        return self.process.terminate(seconds)

    def kill(self):
        """kill -9."""
        self.process.kill()

    def wait_killed(self, seconds=120):
        """Waits until a crash point has ended it."""
        assert self.process.wait(seconds) == -9, f"it ended otherwise:\n{self.process.tail()}"

    def request(self, path, method="GET", body=None, headers=None, seconds=15):
        with self._inside.network() if self._inside else contextlib.nullcontext():
            return http_json.request(self.url + path, method, body, headers, seconds)

    def get(self, path):
        """The `data` of a successful answer."""
        answer = self.request(path)
        assert answer.status == 200, f"GET {path}: {answer.status} {answer.text}"
        told = answer.json()
        assert told["status"] == "success", told
        return told["data"]

    def post(self, payload, query=""):
        """Posts a notification; the results, one for each of its alerts. Anything but 200 fails the test."""
        answer = self.request(f"/webhook{query}", "POST", payload)
        assert answer.status == 200, f"POST /webhook{query}: {answer.status} {answer.text}"
        return answer.json()["data"]["alerts"]

    def target(self, name):
        return self.get(f"/api/v1/targets/{name}")

    def history(self, target=None, limit=1000):
        """The entries of the history, oldest first, unlike the API."""
        query = f"?limit={limit}" + (f"&target={target}" if target else "")
        return list(reversed(self.get(f"/api/v1/history{query}")))

    def steps(self, target):
        """The history of a target in short: (action, from, to, outcome) each."""
        return [(each["action"], each["from"], each["to"], each["outcome"]) for each in self.history(target)]

    def check_journal(self):
        """The history has no hole: consecutive ids, an outcome each, and every target goes on where it was left."""
        entries = self.history()
        assert [entry["id"] for entry in entries] == list(range(1, len(entries) + 1)), entries
        for entry in entries:
            assert entry["outcome"] in ("done", "failed", "timeout", "dry_run", "interrupted"), entry
        for name in {entry["target"] for entry in entries}:  # several begin at the same time
            # Whole seconds are told without a fraction, and "Z" comes after ".".
            times = [entry["time"].rstrip("Z") for entry in entries if entry["target"] == name]
            assert times == sorted(times), (name, times)

        def at_rest():  # a target's state follows the history a moment later
            busy = [target for target in self.get("/api/v1/targets") if target["state"] in ("scaling", "draining")]
            assert not busy, busy
            return True

        eventually(at_rest, 10, "no target is in the middle of anything")

    def metrics(self):
        """Every sample: {(name, ((label, value), …)): value}, labels sorted."""
        answer = self.request("/metrics")
        assert answer.status == 200, answer.text
        return parse_metrics(answer.text)

    def metric(self, name, **labels):
        """The sum of the samples of that name that carry these labels; None if there is none."""
        wanted = set(labels.items())
        found = [value for (each, pairs), value in self.metrics().items() if each == name and wanted <= set(pairs)]
        return sum(found) if found else None

    def close(self):
        """Ends it; a build with sanitizers must not have complained."""
        self.process.kill()
        complaint = _COMPLAINT.search(self.process.log())
        assert complaint is None, f"{complaint.group(0)} (all of it: {self.log_path})"


def parse_metrics(text):
    samples = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, labels, value = _SAMPLE.match(line).groups()
            samples[name, tuple(sorted(_LABEL.findall(labels or "")))] = float(value)
    return samples
