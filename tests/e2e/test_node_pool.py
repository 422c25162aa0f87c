"""Pools of containers that are nodes of a real control plane: they come and go with alerts, and no pod pays for it."""

import re
import threading

import pytest

from rig import api_trouble, budgets, eventually, http_json, kubernetes_objects as objects
from rig.kubernetes import ControlPlane
from rig.node_containers import BROKEN_IMAGE, DEAD_IMAGE, IMAGE, WHY
from rig.socket_proxy import SocketProxy

# What the pool's proxy refuses: whatever is none of its own calls.
NEVER = [("POST", "/containers/{id}/exec"), ("POST", "/v1.41/containers/{id}/exec"), ("POST", "/exec/{id}/start"),
         ("POST", "/containers/{id}/attach"), ("GET", "/containers/{id}/export"), ("GET", "/containers/{id}/archive?path=/"),
         ("PUT", "/containers/{id}/archive?path=/"), ("POST", "/containers/{id}/kill"), ("POST", "/containers/{id}/update"),
         ("POST", "/build"), ("POST", "/commit"), ("POST", "/images/create?fromImage=x"), ("DELETE", "/images/x"),
         ("GET", "/secrets"), ("POST", "/swarm/leave?force=1"), ("POST", "/networks/create"), ("DELETE", "/volumes/x"),
         ("GET", "/events"), ("GET", "/services"), ("POST", "/containers/{id}/%2e%2e/exec"),
         ("POST", "/containers/x/../{id}/exec")]


class Watch:
    """Looks at the ready pods of an app all the time, while it lasts; `least` is the fewest that there were."""

    def __init__(self, plane: ControlPlane, namespace, app):
        self.least = len(plane.ready_pods(namespace, f"app={app}"))
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, args=(plane, namespace, f"app={app}"))

    def _look(self, plane, namespace, selector):
        while not self._end.wait(0.05):
            self.least = min(self.least, len(plane.ready_pods(namespace, selector)))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._end.set()
        self._thread.join()


def test_nodes_come_and_go_and_no_name_comes_twice(node_fleet, control_plane):
    fleet = node_fleet()
    fleet.scale(2)
    assert fleet.numbers() == [1, 2]
    (entry,) = fleet.app.history("workers")
    assert (entry["action"], entry["from"], entry["to"], entry["outcome"]) == ("to", 0, 2, "done")
    print(f"two nodes are there after {entry['duration_seconds']:.1f} s")
    assert fleet.app.target("workers")["ref"]["name_prefix"] == fleet.prefix
    inspected = fleet.engine.inspect(fleet.name(1))
    assert inspected["Config"]["Hostname"] == fleet.name(1) and inspected["Config"]["Labels"]["alertscaler.pool"] == "workers"
    assert "token-of-admin" not in str(inspected), "the secret comes by a file"

    fleet.scale(1)
    assert fleet.numbers() == [1] and fleet.check_clean()
    print(f"one of them is gone after {fleet.last_action()['duration_seconds']:.1f} s")
    described = control_plane.kubectl("get", "events", "--all-namespaces")
    assert re.search(rf"NodeRemoving +node/{fleet.name(2)}", described), described
    fleet.scale(2)
    assert fleet.numbers() == [1, 3]
    fleet.app.terminate()
    fleet.app.start()
    fleet.scale(0)
    assert fleet.check_clean() and not fleet.nodes()
    fleet.app.kill()
    fleet.app.start()
    fleet.scale(1)
    assert fleet.numbers() == [4]
    assert {each[3] for each in fleet.steps()} == {"done"}
    fleet.app.check_journal()


def test_the_emptiest_node_goes_and_a_budget_is_kept(node_fleet, control_plane, namespace):
    fleet = node_fleet()
    fleet.scale(3)
    fleet.place_pods(namespace, 3, objects.deployment("web", 3, **fleet.pod()), ready=3)
    fleet.place_pods(namespace, 1, objects.deployment("other", 1, **fleet.pod()), ready=1)
    budgets.make_known(control_plane, namespace, "web", min_available=2)
    control_plane.apply(objects.daemon_set("agent", **fleet.pod()), namespace=namespace)
    eventually(lambda: len(control_plane.ready_pods(namespace, "app=agent")) == 3, 30, "the daemons run")

    with Watch(control_plane, namespace, "web") as web:
        fleet.scale(2)
        assert fleet.numbers() == [1, 3], "the one with no pods but the daemon's"
        fleet.scale(1)
        assert fleet.numbers() == [3], "the one with one pod"
        eventually(lambda: len(fleet.pods_on(namespace, 3)) == 5, 30, "its pod runs on the other")
        assert web.least == 3, "nothing of web had to move"
        # Everything has to move now: the budget is what takes time.
        fleet.scale(2)
        control_plane.apply(objects.pod("bulk", **fleet.pod(nodeName=fleet.name(4))), namespace=namespace)
        eventually(lambda: "bulk" in control_plane.ready_pods(namespace), 60, "a pod that nobody may evict")
        fleet.scale(1)
        assert fleet.numbers() == [4]
        eventually(lambda: len(control_plane.ready_pods(namespace, "app=web")) == 3, 30, "all of web runs again")
        assert web.least == 2, "the budget was used, and kept"
    assert fleet.check_clean()


def test_bounds_and_protected_nodes_are_kept(node_fleet, control_plane):
    fleet = node_fleet(min=1, max=2, down={"step": 5, "cooldown": "0s"}, up={"step": 5, "cooldown": "0s"})
    fleet.by_hand(1)
    fleet.expect(1)
    fleet.fire("up")
    fleet.expect(2)
    fleet.wait_for_decision("none", "at_max")
    fleet.resolve("up")
    control_plane.patch(f"/api/v1/nodes/{fleet.name(2)}", {"metadata": {"annotations": {
        "cluster-autoscaler.kubernetes.io/scale-down-disabled": "true"}}})
    fleet.fire("down")
    fleet.expect(1)
    fleet.wait_for_decision("none", "at_min")
    assert fleet.numbers() == [2], "the newer one would have gone, but may not"


@pytest.mark.parametrize("image", [BROKEN_IMAGE, DEAD_IMAGE])
def test_what_never_gets_ready_is_removed_and_its_log_is_the_reason(node_fleet, image):
    fleet = node_fleet(reference={"image": image}, timeout="40s")
    fleet.ask_for(1)
    entry = fleet.wait_for_action("failed", "timeout", seconds=120)
    assert WHY in entry["error"] and fleet.name(1) in entry["error"], entry
    print(f"{image}: {entry['outcome']} after {entry['duration_seconds']:.1f} s: {entry['error']}")
    eventually(lambda: fleet.name(1) not in fleet.containers(), 60, "it is removed")
    # It is tried again, under another name; and with an image that works it works.
    eventually(lambda: any(number > 1 for number in fleet.numbers()), 60, "another one is tried")
    fleet.reload()
    fleet.expect(1)
    assert fleet.numbers()[0] > 1 and fleet.check_clean()


def test_an_image_that_is_not_there_is_named(node_fleet):
    fleet = node_fleet(reference={"image": "nobody/has:this"})
    fleet.ask_for(1)
    error = fleet.wait_for_action("failed")["error"]
    assert "nobody/has:this" in error and "docker pull" in error, error
    assert not fleet.containers() and not fleet.nodes()


def test_orphans_of_either_kind(node_fleet, node_network, control_plane):
    """What is ours is finished off at the start; what might be somebody else's is named and left alone."""
    fleet = node_fleet()
    fleet.scale(2)
    fleet.resolve("to")
    fleet.app.terminate()
    # The container of the one is removed by somebody: its node stays behind. The other's node is deleted, after it stopped.
    fleet.engine.remove(fleet.name(1))
    fleet.engine.call("POST", f"/containers/{fleet.name(2)}/stop?t=5")
    control_plane.delete(f"/api/v1/nodes/{fleet.name(2)}")
    stale = f"/api/v1/nodes/{fleet.name(1)}"
    ready = eventually(lambda: next((each for each in control_plane.get(stale)["status"]["conditions"]
                                     if each["type"] == "Ready" and each["status"] != "True"), None), 60, "it is dead")
    foreign = f"{fleet.prefix}77"
    control_plane.post("/api/v1/nodes", {"metadata": {"name": foreign}})
    fleet.app.start(ready=False)
    eventually(lambda: not fleet.containers() and fleet.name(1) in fleet.app.target("workers")["note"], 60,
               "what may come back is named")
    # Five minutes later.
    ready["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    control_plane.call("PATCH", f"{stale}/status", {"status": {"conditions": [ready]}},
                       content_type="application/strategic-merge-patch+json")
    eventually(lambda: set(fleet.nodes()) == {foreign}, 60, "ours are gone, the other is not")
    eventually(lambda: foreign in fleet.app.target("workers")["note"], 30, "and it is named")
    assert fleet.check_clean() if not fleet.nodes() else not fleet.network.volumes()
    fleet.ask_for(1)
    eventually(lambda: fleet.numbers() == [78], 30, "its number is not used again")


def test_an_alert_drains_the_node_that_it_names(node_fleet, control_plane, namespace):
    fleet = node_fleet()
    fleet.scale(2)
    fleet.place_pods(namespace, 1, objects.deployment("web", 2, **fleet.pod()), ready=2)
    budgets.make_known(control_plane, namespace, "web", min_available=1)
    with Watch(control_plane, namespace, "web") as web:
        assert fleet.drain(1)["result"] == "accepted"
        fleet.wait_node(1, "drained")
        eventually(lambda: len(fleet.pods_on(namespace, 2)) == 2, 30, "its pods run on the other")
        assert web.least >= 1
    assert fleet.cordoned(1) and fleet.marked(1) and fleet.numbers() == [1, 2]
    fleet.drain(1, ends=True)
    fleet.wait_node(1, None)
    assert not fleet.cordoned(1) and fleet.check_clean()

    # Resolved in the middle: a budget that allows none holds it up.
    budgets.make_known(control_plane, namespace, "web", min_available=2)
    before = set(control_plane.pods(namespace))
    fleet.drain(2)
    eventually(lambda: "needs 2 healthy pods" in fleet.wait_node(2, "draining")["text"], 30, "it waits for the budget")
    # Meanwhile the pool does not shrink under it.
    fleet.ask_for(1)
    eventually(lambda: fleet.decision()["reason"] in ("in_flight", "budget"), 20, "a scale-down waits")
    fleet.resolve("to")
    fleet.drain(2, ends=True)
    fleet.wait_node(2, None)
    assert not fleet.cordoned(2) and set(control_plane.pods(namespace)) == before and fleet.numbers() == [1, 2]
    assert fleet.check_clean()


def test_a_drained_node_is_replaced(node_fleet, control_plane, namespace):
    fleet = node_fleet(drain={"replace": True})
    fleet.scale(1)
    fleet.place_pods(namespace, 1, objects.deployment("web", 2, **fleet.pod()), ready=2)
    budgets.make_known(control_plane, namespace, "web", min_available=1)
    with Watch(control_plane, namespace, "web") as web:
        fleet.drain(1)
        eventually(lambda: fleet.numbers() == [2], 60, "another one is in its place")
        eventually(lambda: len(fleet.pods_on(namespace, 2)) == 2, 30, "with its pods")
        assert web.least >= 1
    fleet.expect(1)
    assert fleet.check_clean()
    entry = fleet.last_action()
    assert (entry["action"], entry["outcome"], entry["node"]) == ("drain", "done", fleet.name(1))
    fleet.drain(1, ends=True)
    fleet.expect(1)
    assert fleet.numbers() == [2] and fleet.check_clean()


def test_a_replacement_that_is_not_wanted_any_more_goes(node_fleet, control_plane, namespace):
    fleet = node_fleet(drain={"replace": True})
    fleet.scale(1)
    fleet.place_pods(namespace, 1, objects.deployment("web", 1, **fleet.pod()), ready=1)
    budgets.make_known(control_plane, namespace, "web", min_available=1)
    fleet.drain(1)
    eventually(lambda: fleet.numbers() == [1, 2] and fleet.cordoned(1), 60, "the other is there, and the budget allows none")
    fleet.drain(1, ends=True)
    fleet.expect(1)
    assert fleet.numbers() == [1] and fleet.check_clean() and len(fleet.pods_on(namespace, 1)) == 1


def test_a_dry_run_makes_and_removes_nothing(node_fleet):
    fleet = node_fleet()
    fleet.scale(1)
    fleet.resolve("to")
    fleet.reload(dry_run=True)
    fleet.fire("up")
    assert fleet.wait_for_action("dry_run")["to"] == 2
    fleet.drain(1)
    eventually(lambda: "drain" in [each[0] for each in fleet.steps()], 20, "the drain is rehearsed")
    assert fleet.numbers() == [1] and not fleet.cordoned(1) and fleet.check_clean()


def test_a_right_that_is_missing_is_named(node_fleet, control_plane, namespace):
    control_plane.apply(objects.service_account("scaler"), namespace=namespace)

    def grant(*node_verbs):
        rules = (objects.rule("nodes", "get", "list", "patch", *node_verbs), objects.rule("pods", "get", "list"),
                 objects.rule("pods/eviction", "create"), objects.rule("daemonsets", "get", group="apps"))
        control_plane.apply(objects.role(namespace, *rules, cluster=True),
                            objects.role_binding(namespace, namespace, account="scaler", namespace=namespace, cluster=True))

    grant()
    fleet = node_fleet(kubeconfig=control_plane.service_account_kubeconfig(namespace, "scaler"))
    fleet.ask_for(1)
    text = fleet.wait_for_decision("blocked", "not_scalable")["text"]
    assert "delete" in text and "nodes" in text, text
    assert not fleet.containers()
    grant("delete")
    fleet.expect(1)
    fleet.scale(0)
    assert fleet.check_clean()


def test_an_engine_or_an_api_server_that_is_away_for_a_while(node_fleet, node_network, scratch, trouble, namespace, control_plane):
    proxy = SocketProxy(scratch, node_network.engine, "haproxy-nodes.cfg")
    try:
        fleet = node_fleet(docker={"host": proxy.host}, kubeconfig=control_plane.kubeconfig(server=trouble.url))
        fleet.scale(2)
        fleet.place_pods(namespace, 2, objects.deployment("web", 1, **fleet.pod()), ready=1)
        proxy.close()
        fleet.ask_for(1)
        fleet.wait_unknown("list the containers")
        assert fleet.numbers() == [1, 2]
        proxy.start()
        fleet.expect(1)
        assert fleet.numbers() == [2]
        end = trouble.cause(api_trouble.cut())
        fleet.ask_for(2)
        fleet.wait_unknown("nodes")
        assert fleet.numbers() == [2], "what cannot be seen is not made"
        end()
        fleet.expect(2)
        assert fleet.check_clean()
    finally:
        proxy.close()


def test_through_the_socket_proxy(node_fleet, node_network, scratch, start):
    proxy = start(SocketProxy, scratch, node_network.engine, "haproxy-nodes.cfg")
    fleet = node_fleet(docker={"host": proxy.host})
    for count in (2, 1, 0, 1):
        fleet.scale(count)
    fleet.reload(docker={"host": proxy.host}, reference={"image": BROKEN_IMAGE}, timeout="40s")
    fleet.ask_for(2)
    assert WHY in fleet.wait_for_action("failed", "timeout", seconds=120)["error"], "the log is read through the proxy"
    fleet.resolve("to")
    fleet.expect(1)
    (container,) = fleet.containers()
    for method, path in NEVER:
        answer = http_json.request(f"http://127.0.0.1:{proxy.port}{path.replace('{id}', container)}", method,
                                   {} if method in ("POST", "PUT") else None, None, 10)
        assert answer.status in (400, 403), f"{method} {path}: {answer.status}"
    assert fleet.check_clean()
    assert fleet.engine.has_image(IMAGE)
