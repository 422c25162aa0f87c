"""k8s/: with the rights that are shipped, and no other, the program does its work; it names each one that is missing."""

import copy
import json

import pytest
import yaml

from rig import crds, kubernetes_objects as objects, manifests
from rig.api_trouble import ApiTrouble
from rig.eventually import eventually
from rig.manifests import NAMESPACE
from rig.notifications import alert, notification, timestamp
from rig.scratch import Scratch

RIGHTS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


@pytest.fixture(scope="module")
def dev():
    return manifests.overlay("dev")


@pytest.fixture
def plane(control_plane, dev):
    """With KEDA's kinds, and the namespaces and the Deployment of overlays/dev."""
    plane = control_plane
    crds.install(plane, "keda")
    plane.kubectl("delete", "deployment/web", "--namespace=shop", "--ignore-not-found")
    plane.apply(*dev.of("Namespace"), *dev.of("Deployment"))
    return plane


def grant(plane, granted, without=None):
    """What these manifests grant, until it is in force; `without` is (a role, the number of its rule) that stays away."""
    for each in granted:
        if without and each is without[0]:
            each = copy.deepcopy(each)
            del each["rules"][without[1]]
        plane.apply(each)
    for role in [each for each in granted if "rules" in each]:
        for number, rule in enumerate(role["rules"]):
            wanted = {(role, number) != without}
            eventually(lambda asked=(role, rule), may=wanted: allowed(plane, *asked) == may, 20, f"{rule} is in force")


def allowed(plane, role, rule):
    """What the API server says to each verb of this rule."""
    (group,), (resource,), (name,) = rule["apiGroups"], rule["resources"], rule.get("resourceNames", [""])
    where = role["metadata"].get("namespace", "")
    return {plane.may(f"{NAMESPACE}:alertscaler", verb, resource, group, where, name) for verb in rule["verbs"]}


@pytest.fixture
def start_program(plane, scratch, start, start_alertscaler):
    """start_program(config) starts it with the account that is shipped; the program and what stands before its server."""

    def make(config):
        trouble = start(ApiTrouble, plane)
        kubeconfig = plane.service_account_kubeconfig(NAMESPACE, "alertscaler", server=trouble.url)
        text = json.dumps({**yaml.safe_load(config), "kubernetes": {"kubeconfig": kubeconfig}})
        return start_alertscaler(text, ready=False), trouble

    return make


def rules(rendered):
    """(role, number of a rule) of everything that is granted."""
    return [(role, number) for role in rendered.of("Role") + rendered.of("ClusterRole")
            for number in range(len(role["rules"]))]


def named(role, number):
    """That rule as the program names it, but for its names and verbs."""
    rule = role["rules"][number]
    return f"apiGroups: [{', '.join(rule['apiGroups'])}], resources: [{', '.join(rule['resources'])}]"


def check_named(app, target, missing):
    """The program says somewhere that this is missing, and how to give it."""
    said = (json.dumps(app.target(target)) + app.process.log()).replace("\\", "").replace('"', "")
    assert named(*missing) in said, f"{named(*missing)} is not named"
    return True


def forbidden(trouble):
    return [f"{each.method} {each.path}" for each in trouble.requests() if each.status in (401, 403)]


def count(plane):
    return plane.get("/apis/apps/v1/namespaces/shop/deployments/web/scale")["spec"]["replicas"]


def ask_for(app, replicas):
    app.post(notification(alert("web", "to", "WebWanted", annotations={"scale_replicas": str(replicas)})))


def outcome(app, target):
    """Of the decision, once there is one."""
    return (app.target(target)["decision"] or {}).get("outcome")


def scaling_config(dev):
    return dev.one("ConfigMap", "alertscaler")["data"]["alertscaler.yml"].replace("30s", "0s")


def test_the_shipped_rights_are_enough_to_scale(plane, dev, start_program):
    grant(plane, [each for each in dev.objects if each["kind"] in RIGHTS])
    app, trouble = start_program(scaling_config(dev))
    app.wait_ready()
    steps = []
    for before, replicas in ((1, 4), (4, 2)):
        ask_for(app, replicas)
        eventually(lambda want=replicas: app.target("web")["ready"] == count(plane) == want, 40, f"{replicas} are ready")
        steps.append((before, replicas, "done"))
        eventually(lambda: [step[1:] for step in app.steps("web")] == steps, 20, f"{steps} are its steps")
    eventually(lambda: trouble.requests("POST", r"/events(\?|$)"), 20, "it tells of it in Events")
    assert forbidden(trouble) == []


@pytest.mark.parametrize("number", range(6))
def test_a_right_to_scale_that_is_missing_is_named(plane, dev, start_program, probes, number):
    assert len(rules(dev)) == 6
    missing = rules(dev)[number]
    # New replicas are not ready, so that the program wants to know why.
    probes.ready = False
    host, port = probes.address.split(":")
    probe = {"httpGet": {"host": host, "port": int(port), "path": "/ready"}, "periodSeconds": 1}
    plane.kubectl("patch", "--namespace=shop", "deployment/web", "--patch", json.dumps(
        {"spec": {"template": {"spec": {"containers": [{"name": "web", "readinessProbe": probe}]}}}}))
    grant(plane, [each for each in dev.objects if each["kind"] in RIGHTS], missing)
    app, _ = start_program(scaling_config(dev))
    ask_for(app, 3)
    eventually(lambda: check_named(app, "web", missing), 30, f"it names {named(*missing)}")
    if "deployments" in named(*missing):  # /scale, too
        eventually(lambda: outcome(app, "web") == "blocked", 30, "it is not tried in vain")
        assert count(plane) == 1
    assert app.request("/-/healthy").status == 200
    eventually(lambda: outcome(app, "agents") == "none", 20, "the other target goes on")


NODE_TARGET = """
targets:
  - name: node
    kubernetes_node: {selector: "pool=drained"}
    drain: {timeout: 2m}
"""


@pytest.fixture
def node(plane):
    """A node with a pod of each kind that a drain tells apart."""
    plane.add_node("drained-1", labels={"pool": "drained"})
    where = {"pool": "drained"}
    plane.apply(objects.deployment("here", 2, node_selector=where), objects.daemon_set("agent"), namespace="shop")
    eventually(lambda: len(plane.ready_pods("shop", "app=here")) == 2, 30, "the pods run")
    yield "drained-1"
    plane.kubectl("delete", "--namespace=shop", "deployment/here", "daemonset/agent", "--wait=false")
    plane.remove_node("drained-1")


@pytest.fixture(scope="module")
def drain_rights():
    with Scratch("drain") as place:
        return manifests.base_with(place, "node-drain")


def drain(app, node, **options):
    app.post(notification(alert("node", "drain", "NodeSick", node=node, **options)))


def pods_on(plane, node):
    """Those that a drain takes away."""
    return [name for name, pod in plane.pods("shop", "app=here").items() if pod["spec"].get("nodeName") == node]


def test_the_shipped_rights_are_enough_to_drain(plane, node, drain_rights, start_program):
    grant(plane, [each for each in drain_rights.objects if each["kind"] in RIGHTS])
    app, trouble = start_program(NODE_TARGET)
    app.wait_ready()
    sick = alert("node", "drain", "NodeSick", node=node)
    app.post(notification(sick))
    eventually(lambda: plane.node(node)["spec"].get("unschedulable"), 30, "it is cordoned")
    eventually(lambda: pods_on(plane, node) == [], 40, "its pods are gone")
    eventually(lambda: trouble.requests("POST", r"/kube-system/events(\?|$)"), 30, "it tells of it in Events")
    app.post(notification({**sick, "status": "resolved", "endsAt": timestamp()}))
    eventually(lambda: not plane.node(node)["spec"].get("unschedulable"), 30, "it takes pods again")
    assert forbidden(trouble) == []


@pytest.mark.parametrize("number", range(5))
def test_a_right_to_drain_that_is_missing_is_named(plane, node, drain_rights, start_program, number):
    assert len(rules(drain_rights)) == 5
    missing = rules(drain_rights)[number]
    grant(plane, [each for each in drain_rights.objects if each["kind"] in RIGHTS], missing)
    app, _ = start_program(NODE_TARGET)
    drain(app, node)
    eventually(lambda: check_named(app, "node", missing), 60, f"it names {named(*missing)}")
    assert app.request("/-/healthy").status == 200
