"""What is special about objects of a cluster: pods that do not get ready are named, objects that come and go, and those
that may not be scaled."""

import pytest

from rig import eventually, kubernetes_objects as objects
from rig.settings import kubernetes_target, settings


def error_of(fleet):
    return fleet.app.target(fleet.target)["error"]


def wait_for_error(fleet, *parts, seconds=40):
    def told():
        error = error_of(fleet)
        assert all(part in error for part in parts), error
        return error

    return eventually(told, seconds, f"the error of {fleet.target} has {parts}")


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "ReplicaSet"])
def test_up_down_to_zero_and_back(kubernetes_fleet, kind):
    fleet = kubernetes_fleet(kind, 1, min=0)
    fleet.expect(1)
    fleet.scale(3)
    fleet.scale(1)
    fleet.scale(0)
    fleet.scale(2)
    assert fleet.steps() == [("to", 1, 3, "done"), ("to", 3, 1, "done"), ("to", 1, 0, "done"), ("to", 0, 2, "done")]


def test_a_custom_resource(kubernetes_fleet, control_plane, namespace, pools):
    fleet = kubernetes_fleet("Pool", 1, name="gpu", min=0)
    fleet.scale(3)
    fleet.scale(0)
    fleet.scale(2)
    # Beyond what its schema allows.
    answer = fleet.app.request("/api/v1/targets/gpu/replicas", "PUT", {"replicas": 101})
    assert answer.status == 200, answer.text
    failed = fleet.wait_for_action("failed")
    assert "100" in failed["error"], failed
    assert fleet.spec_replicas() == 2


def test_a_drain_and_the_way_back(kubernetes_fleet):
    fleet = kubernetes_fleet("Deployment", 3, min=2)
    fleet.expect(3)
    fleet.fire("drain")
    fleet.expect(0)
    assert fleet.app.target("web")["state"] == "drained"
    fleet.resolve("drain")
    fleet.expect(3)
    assert fleet.steps() == [("drain", 3, 0, "done"), ("restore", 0, 3, "done")]


def test_set_to_zero_by_somebody_else(kubernetes_fleet):
    fleet = kubernetes_fleet("Deployment", 2)
    fleet.expect(2)
    fleet.set_replicas(0)
    fleet.fire("up")
    fleet.wait_for_decision("blocked", "disabled")
    fleet.set_replicas(1)
    fleet.fire("up")  # the same once more: it looks at once
    fleet.expect(10)  # step by step, as the alert goes on


def test_pods_without_a_place_are_named(kubernetes_fleet):
    fleet = kubernetes_fleet("Deployment", 1, pod={"requests": {"cpu": "1000"}}, ready=False, timeout="15s")
    eventually(lambda: any(each.get("reason") == "Unschedulable" for pod in fleet.pods().values()
                           for each in pod["status"].get("conditions", ())), 30, "the scheduler has found no place")
    fleet.fire("up")
    ended = fleet.wait_for_action("timeout")
    assert "pod web-" in ended["error"] and "Unschedulable: 0/2 nodes are available" in ended["error"], ended
    wait_for_error(fleet, "Unschedulable")
    fleet.wait_for_decision("postpone", "not_ready")


def test_pods_that_crash_are_named_until_they_do_not(kubernetes_fleet, probes):
    fleet = kubernetes_fleet("Deployment", 1, pod={"ready_at": probes.address, "alive_at": probes.address},
                             timeout="30s")
    fleet.expect(1)
    probes.ready = probes.alive = False
    fleet.fire("to", annotations={"scale_replicas": "2"})
    ended = fleet.wait_for_action("timeout", seconds=60)
    assert "CrashLoopBackOff" in ended["error"] and "container main" in ended["error"], ended
    wait_for_error(fleet, "pod web-", "CrashLoopBackOff")
    probes.ready = probes.alive = True
    eventually(lambda: fleet.app.target("web")["ready"] == 2, 120, "both are ready")
    eventually(lambda: error_of(fleet) == "", 30, "nothing is left to say")


def test_pods_that_cannot_be_made_are_explained(kubernetes_fleet, control_plane, namespace):
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": {"hard": {"pods": "2"}}}
    control_plane.apply(quota, namespace=namespace)
    fleet = kubernetes_fleet("Deployment", 1, timeout="30s")
    fleet.expect(1)
    fleet.ask_for(4)
    ended = fleet.wait_for_action("timeout")
    assert "exceeded quota: small" in ended["error"], ended


def test_deleted_and_made_anew(kubernetes_fleet, control_plane, namespace):
    fleet = kubernetes_fleet("Deployment", 2)
    fleet.expect(2)
    control_plane.delete(fleet.path)
    fleet.fire("up")
    fleet.wait_for_decision("blocked", "unobservable")
    assert "does not exist" in error_of(fleet)
    fleet.resolve("up")
    control_plane.apply(objects.deployment("web", 4), namespace=namespace)
    fleet.expect(4, 60)
    fleet.scale(5)
    assert fleet.steps() == [("to", 4, 5, "done")]


def test_a_replica_set_of_a_deployment_is_left_to_it(control_plane, namespace, start_alertscaler):
    control_plane.apply(objects.deployment("web", 1), namespace=namespace)
    path = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
    made = eventually(lambda: control_plane.get(path)["items"], 30, "its ReplicaSet is there")[0]["metadata"]["name"]
    app = start_alertscaler(settings(kubernetes_target(namespace, made, "ReplicaSet"),
                                     kubernetes={"kubeconfig": control_plane.kubeconfig()}))

    def told():
        error = app.target(made)["error"]
        assert "belongs to Deployment web" in error, error
        return True

    eventually(told, 20, "why it is left alone")
    answer = app.request(f"/api/v1/targets/{made}/replicas", "PUT", {"replicas": 3})
    assert answer.status == 409 and "make that the target" in answer.text, answer.text
    assert app.history(made) == []


def test_the_namespace_of_the_kubeconfig_and_kinds_that_have_no_count(control_plane, namespace, start_alertscaler):
    control_plane.apply(objects.deployment("web", 1), objects.daemon_set("agent"), namespace=namespace)
    here = kubernetes_target(namespace, "web")
    del here["kubernetes"]["namespace"]
    agent = kubernetes_target(namespace, "agent")
    agent["kubernetes"].update(kind="Agent", apiVersion="apps/v1")
    app = start_alertscaler(settings(here, agent, kubernetes={
        "kubeconfig": control_plane.kubeconfig(namespace=namespace, name="here")}), ready=False)
    eventually(lambda: app.target("web")["observed"] == 1, 20, "it is found without a namespace of its own")
    eventually(lambda: "has no kind Agent" in app.target("agent")["error"], 20, "what there is instead is told")
