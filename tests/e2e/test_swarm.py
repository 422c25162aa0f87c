"""Services of a real Swarm: counts that change and nothing else, updates that are not disturbed, other writers."""

import collections
import itertools
import json
import threading
import time

import pytest

from rig.eventually import eventually
from rig.notifications import alert, notification, timestamp
from rig.settings import engine_at, settings, swarm_target
from rig.swarm import ScaledService, Swarm

# As much of a specification as an engine takes: what is sent back must be what was there.
_RICH = {
    "Labels": {"team": "shop", "com.example/empty": ""},
    "TaskTemplate": {
        "ContainerSpec": {
            "Env": ["A=b c", "EMPTY="], "Labels": {"inner": "1"}, "StopGracePeriod": 3000000000, "Init": True,
            "Mounts": [{"Type": "tmpfs", "Target": "/scratch", "TmpfsOptions": {"SizeBytes": 1048576, "Mode": 448}}],
            "Hosts": ["10.1.2.3 db"], "Sysctls": {"net.ipv4.ip_unprivileged_port_start": "0"},
            "CapabilityAdd": ["CAP_NET_RAW"], "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 1024}],
            "Healthcheck": {"Test": ["CMD", "true"], "Interval": 1000000000, "Retries": 2}},
        "Resources": {"Limits": {"MemoryBytes": 67108864}, "Reservations": {"NanoCPUs": 1000000}},
        "RestartPolicy": {"Condition": "on-failure", "Delay": 500000000, "MaxAttempts": 9},
        "Placement": {"Constraints": ["node.role==manager"], "Preferences": [{"Spread": {"SpreadDescriptor": "node.id"}}],
                      "MaxReplicas": 50},
        "LogDriver": {"Name": "json-file", "Options": {"max-size": "1m"}}},
    "UpdateConfig": {"Parallelism": 2, "Delay": 1000000000, "FailureAction": "rollback", "Monitor": 1500000000,
                     "MaxFailureRatio": 0.25, "Order": "start-first"},
    "RollbackConfig": {"Parallelism": 1, "FailureAction": "pause", "MaxFailureRatio": 0, "Order": "stop-first"}}


@pytest.fixture(scope="module")
def swarm(engine):
    return Swarm(engine)


@pytest.fixture
def scaled(swarm, start_alertscaler):
    """scaled(name, replicas, policy of the target, **specification) makes a service and the program that scales it."""
    made = []

    def make(name, replicas=2, policy=None, on=swarm, **spec):
        service = on.service(name, replicas, **spec)
        made.append(service)
        config = settings(swarm_target(name, **(policy or {})), docker=engine_at(on.engine.socket_path))
        return ScaledService(service, start_alertscaler(config), name)

    yield make
    for service in made:
        service.remove()


def test_up_and_down_to_zero_and_back(scaled):
    web = scaled("web", policy={"min": 0}, **_RICH)
    web.service.wait_running(2)
    before, tasks = web.service.spec(), web.service.running()
    web.scale(5)
    assert tasks < web.service.running(), "those that ran go on"
    web.scale(1)
    web.scale(0)
    web.scale(2)
    assert web.service.spec() == before, "nothing else has changed"
    assert web.steps() == [("to", 2, 5, "done"), ("to", 5, 1, "done"), ("to", 1, 0, "done"), ("to", 0, 2, "done")]
    web.app.check_journal()
    shown = web.app.target("web")
    assert shown["backend"] == "docker_swarm" and shown["ref"] == {"service": "web"}, shown
    assert web.app.metric("alertscaler_backend_requests_total", backend="docker_swarm", code="200") > 0


def test_a_drain_takes_it_to_zero_and_back(scaled):
    web = scaled("web", 3)
    web.fire("drain")
    web.expect(0)
    assert web.app.target("web")["state"] == "drained"
    web.resolve("drain")
    web.expect(3)


@pytest.mark.parametrize("mode, words", [
    ({"Global": {}}, "runs one task on each node (mode global) and has no count"),
    ({"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 1}}, "is a job, which runs to its end"),
    ({"GlobalJob": {}}, "is a job, which runs to its end")])
def test_what_has_no_count_is_left_alone(scaled, mode, words):
    odd = scaled("odd", Mode={"Replicated": None, **mode})
    before = odd.service.look()["Version"]
    odd.ask_for(5)
    decision = odd.wait_for_decision("blocked", "not_scalable")
    assert words in json.dumps(odd.app.target("odd")), decision
    answer = odd.app.request("/api/v1/targets/odd/replicas", "PUT", {"replicas": 3})
    assert answer.status == 409 and words in answer.text, answer.text
    assert odd.service.look()["Version"] == before and odd.steps() == []


def test_a_rolling_update_is_not_disturbed(scaled):
    web = scaled("web", 2, UpdateConfig={"Parallelism": 1, "Delay": 10000000000, "Monitor": 100000000})
    web.service.wait_running(2)

    def renew(spec):
        spec["TaskTemplate"]["ContainerSpec"]["Env"] = ["VERSION=2"]

    web.service.update(renew)
    eventually(lambda: web.service.look().get("UpdateStatus", {}).get("State") == "updating", 10, "the update begins")
    web.ask_for(4)
    web.wait_for_decision("blocked", "not_scalable")
    assert "a rolling update of web is under way" in json.dumps(web.app.target("web"))
    assert web.service.count() == 2
    web.expect(4, 60)
    previous = web.service.look()["PreviousSpec"]
    assert previous["TaskTemplate"]["ContainerSpec"]["Env"] == ["VERSION=2"], "the way back is not to a half-made update"
    assert web.steps() == [("to", 2, 4, "done")]


def test_a_paused_update_waits_for_a_person(scaled):
    web = scaled("web", 2, UpdateConfig={"Parallelism": 1, "FailureAction": "pause", "Monitor": 2000000000})
    web.service.wait_running(2)

    def spoil(spec):
        spec["TaskTemplate"]["ContainerSpec"]["Command"] = ["sh", "-c", "exit 3"]
        spec["TaskTemplate"]["RestartPolicy"] = {"Condition": "none"}

    web.service.update(spoil)
    eventually(lambda: web.service.look().get("UpdateStatus", {}).get("State") == "paused", 40, "the update is paused")
    web.ask_for(4)
    web.wait_for_decision("blocked", "not_scalable", 30)
    assert "the rolling update of web is paused" in json.dumps(web.app.target("web"))
    web.service.swarm.engine.cli("service", "rollback", "--detach", "web")
    web.expect(4, 90)


def test_other_changes_of_the_same_service_are_not_lost(scaled):
    """Somebody counts up a label 200 times or more; none of it is undone, and we get our counts all the same."""
    web = scaled("web", 1)
    web.service.wait_running(1)
    failures, written, enough = [], itertools.count(), threading.Event()

    def count_up(spec):
        spec["Labels"]["n"] = str(int(spec["Labels"].get("n", 0)) + 1)

    def write():
        try:
            while next(written) < 200 or not enough.is_set():
                web.service.update(count_up)
        except Exception as error:  # pylint: disable=broad-except  # told to the test below
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    counts = 0
    try:
        while writer.is_alive():
            count = 3 if counts % 2 else 2
            web.ask_for(count)
            eventually(lambda wanted=count: web.service.count() == wanted, 60, f"it is set to {count}")
            counts += 1
            if counts == 5:
                enough.set()
    finally:
        enough.set()
        writer.join()
    assert not failures, failures
    assert int(web.service.spec()["Labels"]["n"]) == next(written) - 1 >= 200
    assert counts >= 5
    assert all(outcome in ("done", "interrupted") for *_what, outcome in web.steps()[:-1]), web.steps()


def test_the_count_of_another_writer_is_never_overwritten_unseen(scaled):
    """Somebody sets other counts 200 times; each change of ours began at the count that it says, inside the bounds.

    He may be too quick for us, so every now and then he waits until we have made a step.
    """
    web = scaled("web", 2, policy={"min": 1, "max": 6, "up": {"step": 1, "cooldown": "0s"}})
    engine = web.service.swarm.engine
    web.service.wait_running(2)
    since = time.time()
    theirs, seen = [], {}

    def collect():  # an engine keeps the last 256 events, whatever of
        for event in engine.call("GET", "/events", query={"since": f"{since:.9f}", "until": f"{time.time():.9f}",
                                                          "filters": {"type": ["service"], "service": ["web"]}}):
            change = event["Actor"]["Attributes"]
            if "replicas.new" in change:
                seen[event["timeNano"]] = (int(change["replicas.old"]), int(change["replicas.new"]))

    def ours():  # every change of the count but his
        collect()
        changes = collections.Counter(seen.values())
        assert not collections.Counter(theirs) - changes, "some of his are not told yet"
        return changes - collections.Counter(theirs)

    web.fire("up")
    for number in range(200):
        count = 1 + number % 5
        before = web.service.set_count(count)
        if before != count:
            theirs.append((before, count))
        if number % 10 == 9:
            collect()
        if number % 100 == 99:
            made = len(web.steps())
            eventually(lambda known=made: ours() and len(web.steps()) > known, 60, "we make a step")
    web.resolve("up")
    eventually(lambda: web.app.target("web")["state"] != "scaling", 60, "nothing is under way any more")

    changes = eventually(ours, 20, "every change is told")
    assert all(new == old + 1 and new <= 6 for old, new in changes), changes
    told = [(before, after) for _action, before, after, _outcome in web.steps()]
    assert changes <= collections.Counter(told), (changes, told)


def test_what_cannot_be_placed_is_named(scaled):
    web = scaled("web", 1, policy={"timeout": "15s"},
                 TaskTemplate={"Placement": {"Constraints": ["node.labels.gpu==yes"]}})
    web.ask_for(3)
    entry = web.wait_for_action("timeout")
    assert "no suitable node" in entry["error"] and "web." in entry["error"], entry
    assert web.service.count() == 3, "the Swarm goes on trying"


def test_what_crashes_is_named(scaled):
    web = scaled("web", 0, policy={"min": 0, "timeout": "15s"},
                 TaskTemplate={"ContainerSpec": {"Command": ["/nosuch"]}, "RestartPolicy": {"Delay": 200000000}})
    answer = web.app.request("/api/v1/targets/web/replicas", "PUT", {"replicas": 1})
    assert answer.status == 200, answer.text
    entry = web.wait_for_action("timeout")
    assert "/nosuch" in entry["error"], entry


def test_what_is_not_there_is_named(swarm, own_engine, start_alertscaler):
    lonely = own_engine()
    for engine, words in ((swarm.engine, "there is no service nosuch in the swarm"), (lonely, "not a swarm manager")):
        app = start_alertscaler(settings(swarm_target("nosuch"), docker=engine_at(engine.socket_path)), ready=False,
                                name=f"alertscaler-{words[:3]}")
        eventually(lambda app=app, words=words: words in json.dumps(app.target("nosuch")), 20, words)


def test_a_node_is_lost(scaled, own_engine):
    """Two nodes; the tasks of one that is gone hold up no scale-down."""
    pair = Swarm(own_engine())
    other = own_engine()
    pair.join(other)
    web = scaled("web", 4, on=pair)
    web.service.wait_running(4)
    assert len({task["NodeID"] for task in web.service.tasks()}) == 2, "on both nodes"
    other.lose_power()
    eventually(lambda: any(node["Status"]["State"] == "down" for node in pair.nodes()), 60, "the node is known to be down")
    eventually(lambda: len(web.service.running()) == 4, 60, "its tasks run elsewhere")
    web.ask_for(2)
    eventually(lambda: web.steps() == [("to", 4, 2, "done")], 30, "it is scaled down")


@pytest.fixture
def pair(own_engine):
    """A Swarm of two nodes; both have the same host name, as in one machine they must."""
    made = Swarm(own_engine())
    made.join(own_engine())
    return made


def drainer(pair, start_alertscaler, **drain):
    target = {"name": "swarm-node", "docker_swarm_node": {}, "drain": {"timeout": "60s", **drain}}
    return start_alertscaler(settings(target, docker=engine_at(pair.engine.socket_path)))


def availability(pair):
    return [node["Spec"]["Availability"] for node in sorted(pair.nodes(), key=lambda node: node["Status"]["Addr"])]


def test_a_node_is_drained_and_given_back(pair, start_alertscaler):
    app = drainer(pair, start_alertscaler, max_unavailable=2)
    web = pair.service("web", 4)
    web.wait_running(4)
    before = [node["Spec"] for node in pair.nodes()]
    (second,) = [node["ID"] for node in pair.nodes() if node["Status"]["Addr"] == "10.77.0.2"]
    firing = alert("swarm-node", "drain", "DiskFull", node="10.77.0.2:9100")
    app.post(notification(firing))
    eventually(lambda: availability(pair) == ["active", "drain"], 20, "it is drained")
    eventually(lambda: len(web.running()) == 4 and web.leaving() == 0 and
               second not in {task["NodeID"] for task in web.tasks() if task["ID"] in web.running()}, 40, "its tasks moved")
    eventually(lambda: [entry["outcome"] for entry in app.history("swarm-node")] == ["done"], 20, "the drain is done")

    app.post(notification(alert("swarm-node", "drain", "Doomed", node="10.77.0.1")))
    eventually(lambda: "is the last active node of the swarm" in json.dumps(app.target("swarm-node")), 20,
               "the last one is not drained")
    app.post(notification(alert("swarm-node", "drain", "Which", node="vm")))
    assert availability(pair) == ["active", "drain"]

    app.post(notification({**firing, "status": "resolved", "endsAt": timestamp()}))
    eventually(lambda: availability(pair) == ["active", "active"], 20, "it works again")
    assert [node["Spec"] for node in pair.nodes()] == before, "and nothing else of it has changed"


def test_a_drain_is_cancelled_when_its_alert_ends(pair, start_alertscaler):
    app = drainer(pair, start_alertscaler)
    web = pair.service("web", 4, TaskTemplate={"ContainerSpec": {
        "Command": ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"], "StopGracePeriod": 600_000_000_000}})
    web.wait_running(4)
    firing = alert("swarm-node", "drain", "DiskFull", node="10.77.0.2")
    app.post(notification(firing))
    eventually(lambda: availability(pair) == ["active", "drain"], 20, "it is being drained")
    eventually(lambda: "2 tasks have not ended yet" in json.dumps(app.target("swarm-node")), 20, "it waits for its tasks")
    app.post(notification({**firing, "status": "resolved", "endsAt": timestamp()}))
    eventually(lambda: availability(pair) == ["active", "active"], 20, "it works again")
    web.remove()


def test_a_node_that_somebody_else_drained_stays_drained(pair, start_alertscaler):
    app = drainer(pair, start_alertscaler)
    (second,) = [node for node in pair.nodes() if node["Status"]["Addr"] == "10.77.0.2"]
    pair.engine.call("POST", f"/nodes/{second['ID']}/update", {**second["Spec"], "Availability": "drain"},
                     {"version": str(second["Version"]["Index"])})
    firing = alert("swarm-node", "drain", "DiskFull", node=second["ID"])
    app.post(notification(firing))
    eventually(lambda: app.history("swarm-node") and app.history("swarm-node")[-1]["outcome"] == "done", 20, "it is empty")
    app.post(notification({**firing, "status": "resolved", "endsAt": timestamp()}))
    eventually(lambda: not app.get("/api/v1/alerts"), 20, "the alert has ended")
    eventually(lambda: app.target("swarm-node")["state"] == "idle", 20, "it is at rest")
    assert availability(pair) == ["active", "drain"]
