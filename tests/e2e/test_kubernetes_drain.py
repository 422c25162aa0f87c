"""Nodes of a real control plane are drained while their alert fires: as kubectl drains, never too many, whatever ends."""

import base64
import contextlib
import itertools
import json
import re
import ssl

import pytest

from rig import api_trouble, budgets, certificates, eventually, kubernetes_objects as objects
from rig.alertscaler import run_once
from rig.node_pool import MARK, NodeDrains, NodePool
from rig.notifications import alert, notification
from rig.servers import HttpServer

WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


@pytest.fixture(scope="module", name="nodes")
def _nodes(control_plane):
    """Three of them, which the tests of this file use one after the other."""
    with contextlib.closing(NodePool(control_plane, "drained", 3)) as pool:
        yield pool


@pytest.fixture(name="drains")
def _drains(nodes, namespace, start_alertscaler):
    """drains(…) starts the program over the pool; the options are the target's policy. The nodes take pods again."""
    nodes.restore()
    nodes.wait_empty(but=namespace)

    def make(kubeconfig=None, app=None, **policy):
        return NodeDrains(nodes, start_alertscaler(NodeDrains.config(nodes, kubeconfig, **policy), **(app or {})))

    yield make
    nodes.restore()


def only_on(nodes, node):
    """Pods that are made now come there."""
    for each in nodes.nodes:
        nodes.set_cordoned(each, each != node)


def place(nodes, namespace, node, *workloads, ready):
    """Makes these, all on that node; then all nodes take pods."""
    only_on(nodes, node)
    nodes.plane.apply(*workloads, namespace=namespace)
    eventually(lambda: len(nodes.apps_on(namespace, node)) == ready, 60, f"{ready} pods run on {node}")
    nodes.restore()


def shared_set(nodes):
    """What both drains are given: workloads of every kind that a drain may move."""
    return (objects.deployment("web", 3, **nodes.pod()), objects.stateful_set("db", 2, **nodes.pod()),
            objects.replica_set("rs", 1, **nodes.pod()), objects.deployment("cache", 1, **nodes.pod(empty_dir=True)))


def place_shared_set(nodes, namespace, node):
    place(nodes, namespace, node, *shared_set(nodes), ready=7)
    nodes.plane.apply(objects.daemon_set("agent", **nodes.pod()), namespace=namespace)
    eventually(lambda: len(nodes.plane.ready_pods(namespace, "app=agent")) == 3, 60, "the daemons run")
    nodes.budget(namespace, "web", min_available=2)


def end_state(nodes, namespace, node):
    """Once every workload is whole again: what is on the node, what is elsewhere, and whether it takes pods."""
    eventually(lambda: len(nodes.plane.ready_pods(namespace)) == 10 == len(nodes.plane.pods(namespace)), 60,
               "every workload is whole")
    elsewhere = sorted(app for each in nodes.nodes if each != node for app in nodes.apps_on(namespace, each))
    return nodes.apps_on(namespace, node, count_all=True), elsewhere, nodes.cordoned(node)


def test_a_drain_ends_as_kubectl_drain_does(nodes, drains, namespace, control_plane):
    first = nodes.nodes[0]
    place_shared_set(nodes, namespace, first)
    program = drains(drain={"delete_emptydir_data": True})
    (result,) = program.fire(first)
    assert result["result"] == "accepted"

    healthy = set()

    def drained():
        healthy.add(budgets.status(control_plane, namespace, "web")["currentHealthy"])
        return program.state(first) == "drained"

    eventually(drained, 60, "the node is drained")
    assert min(healthy) >= 2, "the budget was honoured all the time"
    assert program.steps() == [("drain", first, "done")]
    (entry,) = program.app.history("node")
    assert (entry["from"], entry["to"], entry["node"]) == (3, 2, first)
    assert nodes.marked(first)
    target = program.target()
    assert (target["observed"], target["ready"], target["desired"], target["state"]) == (3, 2, 2, "drained"), target
    assert target["min"] is None and target["max"] is None
    assert program.app.metric("alertscaler_target_ready_replicas", target="node") == 2
    assert program.app.metric("alertscaler_actions_total", target="node", action="drain", outcome="done") == 1

    def shown():
        text = run_once("status", "node", "--url", program.app.url).stdout
        assert re.search(rf"Node +drained: node {first}: drained", text) and "2 of them take work" in text, text
        return True

    eventually(shown, 20, "the command shows it too")
    assert f"node/{first}" in run_once("history", "--url", program.app.url).stdout
    ours = end_state(nodes, namespace, first)

    program.resolve(first)
    program.wait_state(first, None)
    assert not nodes.cordoned(first) and not nodes.marked(first)
    assert program.steps() == [("drain", first, "done"), ("restore", first, "done")]

    def described():
        text = control_plane.kubectl("describe", "node", first)
        for reason in ("NodeDraining", "NodeDrained", "NodeUncordoned"):
            assert re.search(rf"Normal +{reason} ", text), text
        return True

    eventually(described, 20, "kubectl describe tells what was done")

    # The same set on the same node, and kubectl.
    second = control_plane.make_namespace(f"{namespace}-kubectl")
    control_plane.delete(f"/api/v1/namespaces/{namespace}")
    eventually(lambda: not control_plane.pods(namespace), 60, "the first set is gone")
    try:
        place_shared_set(nodes, second, first)
        control_plane.kubectl("drain", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=60s", first,
                              seconds=90)
        assert end_state(nodes, second, first) == ours
    finally:
        control_plane.delete(f"/api/v1/namespaces/{second}")


def test_what_kubectl_refuses_is_refused_and_nothing_is_evicted(nodes, drains, namespace, control_plane):
    first = nodes.nodes[0]
    place(nodes, namespace, first, objects.deployment("web", 1, **nodes.pod()),
          objects.deployment("cache", 1, **nodes.pod(empty_dir=True)), objects.pod("bare", **nodes.pod()), ready=3)
    told = control_plane.kubectl("drain", "--ignore-daemonsets", "--timeout=20s", first, check=False).stderr
    names = {kind: set(re.findall(rf"{namespace}/[\w-]+", line)) for kind in ("local storage", "--force")
             for line in told.splitlines() if kind in line and "cannot delete" in line}
    assert len(names) == 2, told
    nodes.restore()

    program = drains()
    program.fire(first)
    program.wait_state(first, "failed")
    error = program.app.history("node")[0]["error"]
    assert "cannot delete Pods with local storage (use --delete-emptydir-data to override): " in error
    assert "cannot delete Pods that declare no controller (use --force to override): " in error
    for pods in names.values():
        assert pods and all(pod in error for pod in pods), (pods, error)
    assert nodes.cordoned(first) and len(nodes.apps_on(namespace, first)) == 3
    assert program.target()["state"] == "failed" and "bare" in program.target()["error"]

    # Allowed, it goes on by itself.
    program.app.configure(NodeDrains.config(nodes, drain={"delete_emptydir_data": True, "force": True}))
    assert program.app.request("/-/reload", "POST").status == 200
    program.wait_state(first, "drained")
    eventually(lambda: nodes.apps_on(namespace, first, count_all=True) == [], 30, "nothing is left there")
    assert "bare" not in control_plane.pods(namespace)


def test_a_budget_that_allows_none_is_shown_and_ends_by_timeout(nodes, drains, namespace):
    first = nodes.nodes[0]
    place(nodes, namespace, first, objects.deployment("web", 2, **nodes.pod()),
          objects.deployment("free", 1, **nodes.pod()), ready=3)
    nodes.budget(namespace, "web", min_available=2)
    program = drains(drain={"timeout": "20s"})
    program.fire(first)

    program.wait_text(first, "needs 2 healthy pods", f"{namespace}/web")
    assert program.target()["state"] == "draining"
    eventually(lambda: nodes.apps_on(namespace, first) == ["web", "web"], 20, "the others have left")
    eventually(lambda: ("drain", first, "timeout") in program.steps(), 30, "its time is over")
    entry = program.app.history("node")[0]
    assert "2 pods are still there" in entry["error"] and "needs 2 healthy pods" in entry["error"], entry
    assert entry["duration_seconds"] >= 20
    assert nodes.cordoned(first) and nodes.apps_on(namespace, first) == ["web", "web"]
    program.resolve(first)
    program.wait_state(first, None)
    assert not nodes.cordoned(first)


def test_on_failure_uncordon(nodes, drains, namespace):
    first = nodes.nodes[0]
    place(nodes, namespace, first, objects.pod("bare", **nodes.pod()), ready=1)
    program = drains(drain={"on_failure": "uncordon"})
    program.fire(first)
    eventually(lambda: program.steps()[:2] == [("drain", first, "failed"), ("restore", first, "done")], 30,
               "it takes pods again after the failure")
    program.resolve(first)
    program.wait_state(first, None)
    assert not nodes.cordoned(first) and nodes.apps_on(namespace, first) == ["bare"]


def test_two_nodes_at_once_take_turns(nodes, drains, namespace):
    first, second = nodes.nodes[:2]
    place(nodes, namespace, first, objects.deployment("web", 2, **nodes.pod()), ready=2)
    program = drains()
    program.fire(first)
    program.fire(second)
    program.wait_state(first, "drained")
    program.wait_state(second, "waiting")
    program.wait_text(second, "max_unavailable allows 1 at once", first)
    eventually(lambda: program.target()["decision"]["reason"] == "budget", 20, "it waits for the other")
    assert not nodes.cordoned(second)
    program.resolve(first)
    program.wait_state(second, "drained")
    assert not nodes.cordoned(first) and nodes.cordoned(second)
    program.resolve(second)
    program.wait_steps(("drain", first, "done"), ("restore", first, "done"), ("drain", second, "done"),
                       ("restore", second, "done"))


def test_an_alert_that_ends_in_the_middle_cancels(nodes, drains, namespace, control_plane):
    first = nodes.nodes[0]
    place(nodes, namespace, first, objects.deployment("web", 2, **nodes.pod()), ready=2)
    nodes.budget(namespace, "web", min_available=2)
    before = set(control_plane.pods(namespace))
    program = drains()
    program.fire(first)
    eventually(lambda: "needs 2 healthy pods" in program.text(first), 20, "the drain waits for the budget")
    program.resolve(first)
    program.wait_state(first, None)
    program.wait_steps(("drain", first, "interrupted"), ("restore", first, "done"))
    assert program.app.history("node")[0]["error"] == "NodeBroken has ended"
    assert not nodes.cordoned(first) and set(control_plane.pods(namespace)) == before


def test_what_somebody_else_cordoned_stays_so(nodes, drains, namespace):
    first = nodes.nodes[0]
    place(nodes, namespace, first, objects.deployment("web", 1, **nodes.pod()), ready=1)
    nodes.set_cordoned(first)
    program = drains()
    program.fire(first)
    program.wait_state(first, "drained")
    assert not nodes.marked(first)
    eventually(lambda: nodes.apps_on(namespace, first, count_all=True) == [], 30, "its pod has left")
    program.resolve(first)
    program.wait_state(first, "cordoned")
    assert nodes.cordoned(first)
    assert program.steps() == [("drain", first, "done")]


def test_a_node_outside_of_the_selector_is_refused(nodes, drains):
    program = drains()
    (result,) = program.fire("node-1", query="?wait=10s")
    assert result["decision"]["outcome"] == "blocked" and result["decision"]["reason"] == "not_scalable"
    seen = program.node("node-1")
    assert seen["state"] == "refused" and f"none of the selector pool={nodes.name}" in seen["text"]
    assert "node-1" in program.target()["error"]
    assert not nodes.cordoned("node-1")
    (ignored,) = program.app.post(notification(alert("node", "drain", name="Nameless")))
    assert ignored["result"] == "ignored" and "it has no label node" in ignored["reason"]
    (scaled,) = program.app.post(notification(alert("node", "up", name="Wrong", node=nodes.nodes[0])))
    assert scaled["result"] == "ignored" and "drained or held" in scaled["reason"]
    assert program.app.request("/api/v1/targets/node/replicas", "PUT", {"replicas": 3}).status == 409


def test_a_node_that_leaves_the_selector_is_given_back(nodes, drains, control_plane):
    first = nodes.nodes[0]
    program = drains()
    program.fire(first)
    program.wait_state(first, "drained")
    control_plane.patch(f"/api/v1/nodes/{first}", {"metadata": {"labels": {"pool": "another"}}})
    try:
        program.wait_state(first, "refused")
        assert not nodes.cordoned(first) and not nodes.marked(first)
        assert program.target()["observed"] == 2
    finally:
        control_plane.patch(f"/api/v1/nodes/{first}", {"metadata": {"labels": {"pool": nodes.name}}})
    program.wait_state(first, "drained")


def test_a_dry_run_asks_and_changes_nothing(nodes, drains, namespace):
    first = nodes.nodes[0]
    place(nodes, namespace, first, objects.deployment("web", 2, **nodes.pod()), ready=2)
    nodes.budget(namespace, "web", min_available=2)
    program = drains(dry_run=True)
    program.fire(first)
    program.wait_state(first, "drained")
    (entry,) = program.app.history("node")
    assert entry["outcome"] == "dry_run" and "it would wait: " in entry["error"], entry
    assert "needs 2 healthy pods" in entry["error"]
    assert not nodes.cordoned(first) and len(nodes.apps_on(namespace, first)) == 2
    program.resolve(first)
    program.wait_state(first, None)


def test_a_pause_holds_new_drains_back(nodes, drains):
    first = nodes.nodes[0]
    program = drains()
    assert program.app.request("/api/v1/targets/node/pause", "POST", {}).status == 200
    program.fire(first)
    program.wait_state(first, "waiting")
    program.wait_text(first, "paused until resumed")
    assert not nodes.cordoned(first)
    assert program.app.request("/api/v1/targets/node/resume", "POST", {}).status == 200
    program.wait_state(first, "drained")


def test_pods_that_name_their_node_come_back_and_are_left_there(nodes, drains, namespace):
    first = nodes.nodes[0]
    nodes.plane.apply(objects.deployment("pinned", 1, **nodes.pod(nodeName=first)), namespace=namespace)
    eventually(lambda: nodes.apps_on(namespace, first) == ["pinned"], 30, "it runs there")
    program = drains()
    program.fire(first)
    program.wait_state(first, "drained")
    program.wait_text(first, f"{namespace}/pinned", "come back to the node each time")
    eventually(lambda: nodes.apps_on(namespace, first) == ["pinned"], 30, "one is there, as after kubectl drain")


def test_pods_of_low_priority_leave_first(nodes, drains, namespace, control_plane, trouble):
    first = nodes.nodes[0]
    control_plane.apply(objects.priority_class("drained-high", 1000))
    place(nodes, namespace, first, objects.deployment("high", 2, **nodes.pod(priority="drained-high")),
          objects.deployment("low", 2, **nodes.pod(grace=1)),
          objects.deployment("critical", 1, **nodes.pod(priority="system-cluster-critical")), ready=5)
    program = drains(kubeconfig=control_plane.kubeconfig(server=trouble.url))
    program.fire(first)
    program.wait_state(first, "drained")
    order = [re.search(r"/pods/([a-z]+)-", each.path).group(1) for each in trouble.requests("POST", "/eviction")]
    assert [app for app, _ in itertools.groupby(order)] == ["low", "high", "critical"]


def test_trouble_with_the_api_server_in_the_middle(nodes, drains, namespace, control_plane, trouble):
    first = nodes.nodes[0]
    place(nodes, namespace, first, objects.deployment("web", 4, **nodes.pod()), ready=4)
    nodes.budget(namespace, "web", min_available=3)
    for fault, method, path, times in (
            (api_trouble.conflict(), "PATCH", f"/nodes/{first}", 5),
            (api_trouble.lost_answer(), "PATCH", f"/nodes/{first}", 1),
            (api_trouble.throttled(), "POST", "/eviction", 3),
            (api_trouble.internal_error(), "POST", "/eviction", 2),
            (api_trouble.lost_answer(), "POST", "/eviction", 1),
            (api_trouble.internal_error(), "GET", "/api/v1/pods", 4),
            (api_trouble.unavailable(), "GET", "/api/v1/nodes", 3)):
        trouble.cause(fault, method, path, times)
    program = drains(kubeconfig=control_plane.kubeconfig(server=trouble.url), drain={"timeout": "5m"})
    program.fire(first)
    healthy = []

    def drained():
        healthy.append(len(control_plane.ready_pods(namespace)))
        return program.state(first) == "drained"

    eventually(drained, 90, "the node is drained all the same")
    assert min(healthy) >= 3, "the budget was honoured all the time"
    assert program.steps() == [("drain", first, "done")] and nodes.marked(first)

    # And away for a while, when the node is to be given back.
    end = trouble.cause(api_trouble.cut())
    program.resolve(first)
    eventually(lambda: program.target()["state"] == "unknown", 30, "it says that it sees nothing")
    assert nodes.cordoned(first)
    end()
    program.wait_state(first, None)
    assert not nodes.cordoned(first)
    program.wait_steps(("drain", first, "done"), ("restore", first, "done"))


POINTS = ("before_intent", "after_intent", "after_cordon", "after_eviction", "before_outcome")


@pytest.mark.parametrize("point", POINTS)
def test_crash_point_of_a_drain(nodes, drains, namespace, control_plane, point):
    first = nodes.nodes[0]
    place(nodes, namespace, first, objects.deployment("web", 2, **nodes.pod()), ready=2)
    nodes.budget(namespace, "web", min_available=1)
    program = drains()
    program.app.terminate()
    program.app.start(env={"ALERTSCALER_CRASH_AT": point})
    with contextlib.suppress(OSError):  # it may end before it answers
        program.fire(first)
    program.app.wait_killed()
    program.app.start()
    program.fire(first)  # as Alertmanager does, which got no answer perhaps
    program.wait_state(first, "drained")
    assert program.steps() == [("drain", first, "done")]
    eventually(lambda: len(control_plane.ready_pods(namespace)) == 2 and nodes.apps_on(namespace, first) == [], 30,
               "the pods run elsewhere")
    program.app.check_journal()
    program.resolve(first)
    program.wait_state(first, None)
    assert not nodes.cordoned(first) and not nodes.marked(first)


def test_crash_point_while_the_node_is_given_back(nodes, drains):
    first = nodes.nodes[0]
    program = drains()
    program.fire(first)
    program.wait_state(first, "drained")
    program.app.terminate()
    program.app.start(env={"ALERTSCALER_CRASH_AT": "after_intent"})
    with contextlib.suppress(OSError):
        program.resolve(first)
    program.app.wait_killed()
    program.app.start()
    program.resolve(first)
    program.wait_state(first, None)
    assert not nodes.cordoned(first)
    program.wait_steps(("drain", first, "done"), ("restore", first, "done"))


def test_kill_9_in_the_middle_and_an_alert_that_ended_meanwhile(nodes, drains, namespace):
    first = nodes.nodes[0]
    place(nodes, namespace, first, objects.deployment("web", 2, **nodes.pod()), ready=2)
    nodes.budget(namespace, "web", min_available=2)
    program = drains()
    program.fire(first)
    eventually(lambda: "needs 2 healthy pods" in program.text(first), 20, "the drain waits for the budget")
    program.app.kill()
    program.app.start()
    eventually(lambda: "needs 2 healthy pods" in program.text(first), 20, "it goes on")
    program.app.kill()
    program.app.start(ready=False)
    program.resolve(first)
    program.wait_state(first, None)
    assert not nodes.cordoned(first) and len(nodes.apps_on(namespace, first)) == 2
    program.wait_steps(("drain", first, "interrupted"), ("restore", first, "done"))


RULES = {"nodes": objects.rule("nodes", "get", "list", "patch"), "pods": objects.rule("pods", "get", "list"),
         "pods/eviction": objects.rule("pods/eviction", "create"),
         "daemonsets": objects.rule("daemonsets", "get", group="apps")}


def rights(control_plane, namespace, *without):
    """A service account of the namespace that may do what a drain needs, but for that; its kubeconfig."""
    rules = [rule for name, rule in RULES.items() if name not in without]
    control_plane.apply(objects.role(namespace, *rules, cluster=True),
                        objects.role_binding(namespace, namespace, account="drainer", namespace=namespace,
                                             cluster=True))
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/drainer"
    if control_plane.call("GET", path).status != 200:
        control_plane.apply(objects.service_account("drainer"), namespace=namespace)
    return control_plane.service_account_kubeconfig(namespace, "drainer")


def test_these_rights_and_no_more_are_enough(nodes, drains, namespace, control_plane):
    first = nodes.nodes[0]
    place(nodes, namespace, first, objects.deployment("web", 1, **nodes.pod()), ready=1)
    nodes.plane.apply(objects.daemon_set("agent", **nodes.pod()), namespace=namespace)
    eventually(lambda: len(nodes.plane.ready_pods(namespace, "app=agent")) == 3, 60, "the daemons run")
    kubeconfig = rights(control_plane, namespace, "pods/eviction")
    program = drains(kubeconfig=kubeconfig, app={"ready": False})
    program.fire(first)

    def told():
        seen = program.target()
        assert "resources: [pods/eviction], verbs: [create]" in seen["error"], seen
        assert (seen["decision"]["outcome"], seen["decision"]["reason"]) == ("blocked", "not_scalable"), seen
        assert seen["observed"] == 3, "the nodes can be seen all the same"
        return True

    eventually(told, 30, "the rule to add is named")
    assert not nodes.cordoned(first) and program.steps() == []
    rights(control_plane, namespace)
    program.wait_state(first, "drained", seconds=90)
    program.resolve(first)
    program.wait_state(first, None)
    assert MARK not in control_plane.node(first)["metadata"].get("annotations", {})


class Denial(HttpServer):
    """A webhook that forbids the eviction of pods whose name begins so; its configuration is there until close()."""

    def __init__(self, plane, namespace, directory, prefix):
        self._prefix = prefix
        self._plane = plane
        certificates.make(directory)
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(f"{directory}/server-cert.pem", f"{directory}/server-key.pem")
        super().__init__(tls)
        plane.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": {"guarded": namespace}}})
        with open(f"{directory}/ca.pem", "rb") as file:
            authority = base64.b64encode(file.read()).decode()
        self._path = f"{WEBHOOKS}/{namespace}"
        plane.post(WEBHOOKS, {
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": namespace},
            "webhooks": [{"name": "guard.example.io", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                          "clientConfig": {"url": f"https://{self.address}", "caBundle": authority}, "failurePolicy": "Fail",
                          "namespaceSelector": {"matchLabels": {"guarded": namespace}},
                          "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                                     "resources": ["pods/eviction"]}]}]})

    def answer(self, request):
        asked = request.json()["request"]
        allowed = not asked["name"].startswith(self._prefix)
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
                  "response": {"uid": asked["uid"], "allowed": allowed, "status": {"message": "it is guarded"}}}
        return 200, "application/json", json.dumps(review)

    def close(self):
        self._plane.delete(self._path)
        super().close()


def test_one_pod_that_may_not_go_keeps_no_other(nodes, drains, namespace, control_plane, scratch):
    first = nodes.nodes[0]
    place(nodes, namespace, first, objects.deployment("web", 2, **nodes.pod()),
          objects.deployment("guarded", 1, **nodes.pod()), ready=3)
    program = drains()
    with contextlib.closing(Denial(control_plane, namespace, scratch.directory("webhook"), "guarded-")):
        (guarded,) = control_plane.pods(namespace, "app=guarded")
        eventually(lambda: budgets.evict(control_plane, namespace, guarded, "?dryRun=All").status >= 400, 20,
                   "the webhook is asked")
        program.fire(first)

        def failed():
            steps = program.steps(first)
            assert steps and steps[0] == ("drain", first, "failed"), steps
            return True

        eventually(failed, 40, "the drain fails")
        error = program.app.history("node")[-1]["error"]
        assert f"pod {namespace}/{guarded}: " in error and "it is guarded" in error, error
        assert f"{namespace}/web-" not in error and "Role" not in error, "no right would help: " + error
        assert nodes.apps_on(namespace, first) == ["guarded"]
        assert nodes.cordoned(first)
    program.wait_state(first, "drained", seconds=60)


def test_what_a_dead_node_can_never_end_counts_as_gone(nodes, drains, namespace, control_plane):
    last = nodes.nodes[-1]
    place(nodes, namespace, last, objects.deployment("web", 2, **nodes.pod(grace=1)), ready=2)
    control_plane.stop_node(last)
    try:
        program = drains()
        program.fire(last)
        # They are told to go, and nobody is there who would end them.
        program.wait_state(last, "drained", seconds=120)
        known = control_plane.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
        pods = [pod["metadata"]["name"] for pod in known if pod["spec"].get("nodeName") == last]
        assert len(pods) == 2, "they are still known"
        for pod in pods:
            assert re.search(rf"counts as gone: .*{namespace}/{pod}", program.app.process.log()), pod
        assert len(nodes.plane.ready_pods(namespace, "app=web")) == 2, "others have taken their place"
        program.resolve(last)
        program.wait_state(last, "not_ready")
        assert not nodes.cordoned(last)
    finally:
        control_plane.add_node(last, labels={"pool": nodes.name}, taints=[f"pool={nodes.name}:NoSchedule"])
