"""Notifications scale what a cluster has: pods really run, and history, metrics and kubectl tell the same."""

import pytest

from rig import eventually, kubernetes_objects as objects
from rig.kubernetes_fleet import KubernetesFleet
from rig.notifications import alert, notification
from rig.settings import kubernetes_target, settings

KINDS = ("Deployment", "StatefulSet", "Pool")


@pytest.fixture
def grown(request, kubernetes_fleet):
    """grown(kind, …): a fleet of that kind; a Pool gets its controller first."""

    def make(kind, *args, **options):
        if kind == "Pool":
            request.getfixturevalue("pools")
        return kubernetes_fleet(kind, *args, **options)

    return make


@pytest.mark.parametrize("kind", KINDS)
def test_a_notification_scales_it_up_and_down(control_plane, namespace, grown, kind):
    fleet = grown(kind, 2, repeat="once", up={"step": 2, "cooldown": "0s"})
    fleet.expect(2)
    assert fleet.fire("up")["result"] == "accepted"
    fleet.expect(4)
    fleet.resolve("up")
    fleet.scale(6)
    fleet.resolve("to")
    fleet.fire("down")
    fleet.expect(5)
    assert fleet.steps() == [("up", 2, 4, "done"), ("to", 4, 6, "done"), ("down", 6, 5, "done")]
    fleet.app.check_journal()
    told = [("AlertScaled", f"alert web-{action}: scale {before} -> {after}")
            for action, before, after, _ in fleet.steps()]
    eventually(lambda: fleet.events() == told, 20, "Events tell of it")

    assert {pod["spec"]["nodeName"] for pod in fleet.pods().values()} == {"node-1", "node-2"}
    shown = control_plane.kubectl("get", kind.lower(), "web", "--namespace", namespace,
                                  "--output", "jsonpath={.spec.replicas}/{.status.replicas}")
    assert shown == "5/5"
    for action in ("up", "to", "down"):
        assert fleet.app.metric("alertscaler_actions_total", target="web", action=action, outcome="done") == 1
    assert fleet.app.metric("alertscaler_backend_requests_total", backend="kubernetes", code="200") > 3


def test_to_zero_and_back(kubernetes_fleet):
    fleet = kubernetes_fleet(replicas=2, repeat="once", min=0)
    fleet.scale(0)
    assert fleet.pods() == {}
    fleet.resolve("to")
    fleet.fire("up")
    fleet.expect(1)
    assert fleet.steps() == [("to", 2, 0, "done"), ("up", 0, 1, "done")]


def test_a_drain_takes_it_to_zero_and_its_end_brings_it_back(kubernetes_fleet):
    fleet = kubernetes_fleet(replicas=3, min=1)
    fleet.fire("drain")
    fleet.expect(0)
    assert fleet.app.target("web")["state"] == "drained"
    fleet.resolve("drain")
    fleet.expect(3)
    assert fleet.steps() == [("drain", 3, 0, "done"), ("restore", 0, 3, "done")]


def test_an_action_ends_when_its_pods_are_ready(kubernetes_fleet, probes):
    """The count is there at once, and the cooldown begins when the new pods are ready, not earlier."""
    fleet = kubernetes_fleet(replicas=1, up={"cooldown": "1h"}, pod={"ready_at": probes.address}, timeout="2m")
    fleet.expect(1)
    probes.ready = False
    eventually(lambda: fleet.plane.ready_pods(fleet.namespace) == {}, 20, "the pod is not ready")
    fleet.fire("up")
    eventually(lambda: fleet.spec_replicas() == 2, 20, "another pod was asked for")
    eventually(lambda: fleet.app.target("web")["observed"] == 2, 20, "the program sees it")
    assert fleet.decision()["reason"] == "in_flight" and fleet.steps() == []
    probes.ready = True
    fleet.expect(2, desired=3)
    assert fleet.steps() == [("up", 1, 2, "done")]
    fleet.wait_for_decision("postpone", "cooldown")


def test_many_targets_move_at_the_same_time(control_plane, namespace, start_alertscaler):
    names = [f"web-{number}" for number in range(12)]
    control_plane.apply(*(objects.deployment(name) for name in names), namespace=namespace)
    app = start_alertscaler(settings(*(kubernetes_target(namespace, name, repeat="once") for name in names),
                                     kubernetes={"kubeconfig": control_plane.kubeconfig()}))
    app.post(notification(*(alert(name, "up") for name in names)))
    for name in names:
        KubernetesFleet(control_plane, namespace, "Deployment", name, app).expect(2, 60)
    assert {tuple(app.steps(name)) for name in names} == {(("up", 1, 2, "done"),)}
