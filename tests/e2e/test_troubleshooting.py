"""TROUBLESHOOTING.md: each row is a failure that really happens; what it tells to type shows the words that it promises.

A row without a scene here, or without a test that shows its failure on a real engine or cluster, fails.
"""

import contextlib
import dataclasses
import glob
import json
import os
import re
import shutil

import pytest

from rig import eventually, guides
from rig.alertscaler import binary
from rig.notifications import alert, notification, timestamp
from rig.processes import run
from rig.settings import compose_target, engine_at, settings, simulated_target
from rig.servers import HttpServer

DOCUMENT = "src/TROUBLESHOOTING.md"
PROGRAMS = re.compile(r"^(alertscaler|curl|docker|kubectl|amtool) ")

# Failures that need an engine, a cluster or a disk of their own: the tests in which they are seen, with these words.
ELSEWHERE = {
    "It can have one replica only": "test_compose_limits.py::test_what_allows_one_replica_only",
    "The state is `unknown`, and the engine runs": "test_engine_trouble.py::test_no_permission_on_the_socket",
    "The service is not found": "test_swarm.py::test_what_is_not_there_is_named",
    "A right is missing": "test_kubernetes_rights.py::test_a_missing_right_is_named_and_blocks",
    "An HPA or KEDA sets the count": "test_kubernetes_hpa.py::test_refused_it_is_left_alone",
    "The floor of the HPA does not stay": "test_kubernetes_hpa.py::test_what_gitops_puts_back_is_not_fought",
    "Pods wait, or crash": "test_kubernetes_workload.py::test_pods_that_crash_are_named_until_they_do_not",
    "A drain does not end": "test_kubernetes_drain.py::test_a_budget_that_allows_none_is_shown_and_ends_by_timeout",
    "A new node of a pool goes again":
        "../unit/node_pool_test.cc::a container that never becomes a ready node shows its log",
    "A pool takes no node away": "test_node_pool_neighbours.py::test_a_node_that_is_away_for_a_moment_is_not_taken",
    "A pool leaves nodes alone": "test_node_pool_neighbours.py::test_two_installations_with_a_target_of_one_name",
    "A pool makes no node at all": "../unit/node_pool_test.cc::an image that the engine does not have is named",
    "A Swarm service is left alone": "test_swarm.py::test_a_rolling_update_is_not_disturbed",
    "Notifications get 503": "test_store_trouble.py::test_a_full_disk",
    "The page says *No connection*": "../page/page.test.mjs::the line is lost and comes back",
}


@dataclasses.dataclass(frozen=True)
class Row:
    line: int
    symptom: str
    commands: list
    words: list

    def __str__(self):
        return self.symptom


def rows():
    found = []
    for number, line in guides.outside_fences(DOCUMENT):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 3 and cells[0] != "what you see" and not cells[0].startswith("---"):
            spans = re.findall(r"`([^`]+)`", cells[1])
            found.append(Row(number, cells[0], [each for each in spans if PROGRAMS.match(each)],
                             [each for each in spans if not PROGRAMS.match(each)]))
    return found


ROWS = rows()


class Scene:
    """What a row is about, made to happen: files in a folder, and mostly a server."""

    def __init__(self, scratch, start_alertscaler, start):
        self.folder = scratch.directory("scene")
        self._start_alertscaler = start_alertscaler
        self.start = start
        self.app = None
        self.said = ""  # by what has ended
        self.mount = contextlib.nullcontext()  # a file that is to be open as long as the scene lasts

    def serve(self, *targets, options=(), env=None, **top):
        self.app = self._start_alertscaler(settings(*targets, **top), options=options, env=env, ready=False)

    def fire(self, action, name="HighLoad", seconds_ago=0, **more):
        self.app.post(notification(alert("web", action, name, starts_at=timestamp(seconds_ago), **more)), "?wait=2s")

    def copy(self, *parts):
        shutil.copytree(os.path.join(guides.REPOSITORY, "tests", *parts), self.folder, dirs_exist_ok=True)

    def file(self, name, text, mode=0o644):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def end(self, *options):
        """Runs the program with these options; it must not start."""
        ended = run([binary(), "serve", *options], 20, check=False, cwd=self.folder)
        assert ended.returncode == 1, ended
        self.said += ended.stdout + ended.stderr

    def look(self, commands):
        """All that the commands print, and the log."""
        env = {"ALERTSCALER_URL": self.app.url} if self.app else {}
        env["PATH"] = f"{os.path.dirname(binary())}:{os.environ['PATH']}"
        told = self.said
        for command in commands:
            here = command.replace("localhost:9095", self.app.address if self.app else "localhost:1").replace(
                "check …", "check --config.file=alertscaler.yml --rules=rules.yml --alertmanager=alertmanager.yml")
            ended = run(["bash", "-c", here.replace("curl ", "curl -sS ")], 20, check=False, env=env, cwd=self.folder)
            told += ended.stdout + ended.stderr
        return told + (self.app.process.log() if self.app else "")


@pytest.fixture
def scene(scratch, start_alertscaler, start):
    made = Scene(scratch, start_alertscaler, start)
    yield made
    with made.mount:
        pass


def commanded(scene, count, scale, **policy):
    """A target that is two programs; the count is in a file."""
    scene.file("count", f"{count}\n")
    scene.serve({"name": "web", "command": {"observe": ["cat", f"{scene.folder}/count"], "scale": scale},
                 "up": {"cooldown": "0s"}, **policy})


def nothing_arrives(scene):
    scene.copy("check_bad", "no_route")
    scene.serve(simulated_target())


def wrong_token(scene):
    token = scene.file("token", "this-is-the-right-one-0123456789\n", 0o600)
    web = scene.file("web.yml", f"bearer_token_file: {token}\n")
    scene.serve(simulated_target(), options=[f"--web.config.file={web}"])
    body = notification(alert("web", "up"))
    assert scene.app.request("/webhook", "POST", body, headers={"Authorization": "Bearer wrong"}).status == 401


def read_only_token(scene):
    scene.file("token", "writes-and-looks-0123456789\n", 0o600)
    scene.file("lookers", "writes-and-looks-0123456789\n", 0o600)
    web = scene.file("web.yml", "bearer_token_file: token\nread_only_token_file: lookers\n")
    scene.serve(simulated_target(), options=[f"--web.config.file={web}"])
    sent = scene.app.request("/webhook", "POST", notification(alert("web", "up")),
                             headers={"Authorization": "Bearer writes-and-looks-0123456789"})
    assert sent.status == 403


def emptied_tokens(scene):
    token = scene.file("token", "this-is-the-right-one-0123456789\n", 0o600)
    web = scene.file("web.yml", f"bearer_token_file: {token}\n")
    scene.serve(simulated_target(), options=[f"--web.config.file={web}"])
    scene.file("token", "")


def as_a_browser(scene):
    scene.serve(simulated_target())
    sent = scene.app.request("/webhook", "POST", notification(alert("web", "up")),
                             headers={"Host": "alerts.example", "Accept-Language": "*"})
    assert sent.status == 403


def no_tokens_for_a_sender(scene):
    emptied_tokens(scene)
    body = notification(alert("web", "up"))
    headers = {"Authorization": "Bearer this-is-the-right-one-0123456789"}
    eventually(lambda: scene.app.request("/webhook", "POST", body, headers=headers).status == 503, 10,
               "the sender is told to try again")


def mounted_token(scene):
    """A descriptor goes on showing the file that it was opened for, as a mount does."""
    token = scene.file("token", "old-one-0123456789\n", 0o600)
    scene.mount = open(token, encoding="utf-8")
    web = scene.file("web.yml", f"bearer_token_file: /proc/{os.getpid()}/fd/{scene.mount.fileno()}\n")
    scene.serve(simulated_target(), options=[f"--web.config.file={web}"])
    os.rename(scene.file("new", "new-one-0123456789\n", 0o600), token)


def misspelt(scene):
    scene.serve(simulated_target())
    scene.app.post(notification(alert("wep", "up")))


def many(scene):
    scene.serve(simulated_target())
    scene.fire("to", annotations={"scale_replicas": "many"})


class SilencedAlertmanager(HttpServer):
    """Has no alert that is active and not silenced."""

    def answer(self, request):
        if "/api/v2/status" in request.path:
            return 200, "application/json", json.dumps({"uptime": "2020-01-01T00:00:00.000Z", "cluster": {"status": "disabled"},
                                                        "versionInfo": {"version": "0.27.0"}, "config": {"original": ""}})
        return 200, "application/json", "[]"


def silenced(scene):
    alertmanager = scene.start(SilencedAlertmanager)
    scene.serve(simulated_target(), alertmanager={"url": alertmanager.url, "resync_interval": "1s"})
    scene.fire("up", seconds_ago=600)


def twice(scene):
    scene.serve(simulated_target())
    for replica in "ab":
        scene.app.post(notification(alert("web", "up", "HighLoad", replica=replica)))


def two_that_overlap(scene):
    scene.serve(simulated_target(max=2))
    scene.fire("down", "LowLoad")
    scene.fire("up")


def held(scene):
    scene.serve(simulated_target())
    scene.fire("hold", "MetricsMissing")
    scene.fire("down", "LowLoad")


def ended(scene):
    scene.serve(simulated_target(max=3))
    scene.fire("up")
    scene.fire("up", ends_at=timestamp())


def paused(scene):
    scene.serve(simulated_target())
    assert scene.app.request("/api/v1/targets/web/pause", "POST", {}).status == 200
    scene.fire("up")


def pinned(scene):
    scene.serve(simulated_target())
    assert scene.app.request("/api/v1/targets/web/replicas", "PUT", {"replicas": 3, "pin": "1h"}).status == 200
    scene.fire("up")


def fired(action="up", **target):
    def make(scene):
        scene.serve(simulated_target(**target))
        scene.fire(action)

    return make


def stopped(scene):
    commanded(scene, 0, ["false", "{replicas}"])
    scene.fire("up")


def failing(scene):
    commanded(scene, 1, ["sh", "-c", "echo there is no room >&2; exit 1", "{replicas}"])
    scene.fire("up")
    eventually(lambda: len(scene.app.history("web")) > 1, 20, "it was tried twice")


def goes_back(scene):
    path = f"{scene.folder}/count"
    commanded(scene, 1, ["sh", "-c", f"echo $0 > {path}", "{replicas}"], max=2)
    scene.fire("up")
    for times in (1, 2):
        eventually(lambda times=times: scene.app.steps("web") == [("up", 1, 2, "done")] * times, 40, "it has scaled")
        scene.file("count", "1\n")


def checked(folder):
    return lambda scene: scene.copy(*folder)


def wrong_file(scene):
    scene.file("wrong.yml", "targets: [{name: web, simulated: {}, max: ten}]\n")


def taken_address(scene):
    scene.serve(simulated_target())
    scene.file("alertscaler.yml", settings(simulated_target()))
    scene.end(f"--web.listen-address={scene.app.address}", f"--storage.path={scene.folder}/data")


def beyond_loopback(scene):
    scene.file("alertscaler.yml", settings(simulated_target()))
    scene.end("--web.listen-address=0.0.0.0:0", f"--storage.path={scene.folder}/data")


def failed_reload(scene):
    scene.serve(simulated_target())
    scene.app.configure("targets: []")
    assert scene.app.request("/-/reload", "POST").status == 500


def no_cluster(scene):
    scene.serve({"name": "web", "kubernetes": {"namespace": "shop", "kind": "Deployment", "name": "web"}},
                env={"HOME": scene.folder, "KUBECONFIG": ""})
    scene.fire("up")


SCENES = {
    "The target's *decision* is that no alert asks for anything, while the alert fires in Prometheus": nothing_arrives,
    "The same, and the route is there": checked(("check_bad", "route_swallows")),
    "It comes, but minutes late": checked(("check_good", "alertmanagers_own_times")),
    "Alertmanager counts failed notifications (`alertmanager_notifications_failed_total`)": wrong_token,
    "The same, with 403": read_only_token,
    "The same, with 403, and nobody asks for a token": as_a_browser,
    "The same, with 503": no_tokens_for_a_sender,
    "It is delivered and ignored": misspelt,
    "A `to` alert is ignored": many,
    "It fires in Prometheus, and here it has ended": silenced,
    "It ends again and again while it fires": checked(("check_bad", "stale_after_too_short")),
    "The same alert twice": twice,
    "It waits": fired(up={"cooldown": "5m"}),
    "A scale-down waits": fired("down", down={"stabilization": "5m"}),
    "Only one step, although it fires on": fired(repeat="once"),
    "At the limit": fired(max=3),
    "It does not go down though the down alert fires": two_that_overlap,
    "It does not go down at all": held,
    "It does not go down when the alert ends": ended,
    "Everything is only rehearsed": fired(dry_run=True, max=3),
    "Somebody has paused it": paused,
    "Somebody has set the count by hand": pinned,
    "Somebody has stopped it all": stopped,
    "It waits for replicas that do not become ready": fired(startup_delay="1h", timeout="1s"),
    "Each try fails": failing,
    "The count goes back to 1 by itself": goes_back,
    "The state is `unknown`": lambda scene: scene.serve(compose_target("shop"), docker=engine_at("/nowhere/docker.sock")),
    "No cluster": no_cluster,
    "It does not start: a mistake in the file": wrong_file,
    "It does not start: the address": taken_address,
    "It does not start beyond loopback": beyond_loopback,
    "A change of the file has no effect": failed_reload,
    "The page says *Refused*, behind a proxy or at a name of its own": lambda scene: scene.serve(simulated_target()),
    "The page shows all, and every change is refused, behind a proxy": lambda scene: scene.serve(simulated_target()),
    "Whoever has a token is refused all at once": emptied_tokens,
    "A new token is refused, and one that was taken out still counts": mounted_token,
    "`/-/ready` is 200 and speaks of Alertmanager": lambda scene: scene.serve(
        simulated_target(), alertmanager={"url": "http://127.0.0.1:1"}),
}


def test_each_row_is_a_failure_that_was_seen():
    symptoms = [row.symptom for row in ROWS]
    assert len(set(symptoms)) == len(symptoms) > 35
    assert set(symptoms) == set(SCENES) | set(ELSEWHERE)
    here = os.path.dirname(os.path.abspath(__file__))
    for symptom, place in ELSEWHERE.items():
        file, test = place.split("::")
        with open(os.path.join(here, file), encoding="utf-8") as text:
            assert re.search(rf"(def |test\('|TEST_CASE\(\"){re.escape(test)}", text.read()), f"{symptom}: there is no {place}"


def test_what_is_seen_elsewhere_is_said_in_these_words():
    """At least the program has them; that they are said then is what the tests named above see."""
    sources = ""
    for path in glob.glob(f"{guides.REPOSITORY}/src/**/*.cc", recursive=True):
        with open(path, encoding="utf-8") as source:
            sources += source.read()
    for row in ROWS:
        for words in row.words if row.symptom in ELSEWHERE else ():
            for part in re.split("…| web ", words):
                assert part.strip() in sources, f"{DOCUMENT}:{row.line}: no source says {part!r}"


@pytest.mark.parametrize("row", [row for row in ROWS if row.symptom in SCENES], ids=str)
def test_what_it_tells_to_type_shows_it(row, scene):
    SCENES[row.symptom](scene)
    assert row.words, f"{DOCUMENT}:{row.line} says what is to be seen"

    def shown():
        told = scene.look(row.commands)
        for words in row.words:
            assert re.search(".*".join(map(re.escape, words.split("…"))), told), f"no {words!r} in:\n{told}"
        return True

    eventually(shown, 20, f"{DOCUMENT}:{row.line} shows what it says")
