"""An API server that is away, and credentials that no longer do: a clear reason, and recovery by itself."""

import time

from rig import eventually, kubernetes_objects as objects


def test_stopped_for_a_minute(control_plane, kubernetes_fleet):
    fleet = kubernetes_fleet(repeat="once")
    fleet.scale(2)
    fleet.resolve("to")
    control_plane.stop_api()
    stopped = time.monotonic()
    try:
        fleet.wait_unknown(control_plane.host)
        assert fleet.app.metric("alertscaler_target_replicas", target="web") is None
        assert fleet.app.request("/-/ready").status == 200  # it was ready once: this is its target's trouble
        assert fleet.fire("up", name="Meanwhile")["result"] == "accepted"
        assert fleet.steps() == [("to", 1, 2, "done")]
        eventually(lambda: time.monotonic() > stopped + 60, 70, "a minute is over")
    finally:
        control_plane.start_api()
    fleet.expect(3, 60)
    assert fleet.steps() == [("to", 1, 2, "done"), ("up", 2, 3, "done")]
    fleet.app.check_journal()
    control_plane.wait_nodes_ready("node-1", "node-2")


def test_stopped_between_the_write_and_the_pods(control_plane, kubernetes_fleet, probes):
    fleet = kubernetes_fleet(up={"cooldown": "1h"}, pod={"ready_at": probes.address}, timeout="3m")
    fleet.expect(1)
    probes.ready = False
    fleet.fire("up")
    eventually(lambda: len(fleet.pods()) == 2, 30, "the new pod exists, and is not ready")
    control_plane.kill_api()
    try:
        fleet.wait_unknown(control_plane.host)
        probes.ready = True
    finally:
        control_plane.start_api()
    fleet.expect(2, 60, desired=3)
    assert fleet.steps() == [("up", 1, 2, "done")]


def test_a_store_that_stalls_behind_the_api_server(control_plane, kubernetes_fleet):
    """The API server says that it is ready, takes every request and answers none."""
    fleet = kubernetes_fleet(repeat="once")
    fleet.expect(1)
    control_plane.stall_store()
    try:
        fleet.fire("up")
        fleet.wait_unknown("/deployments/web")
    finally:
        control_plane.resume_store()
    fleet.expect(2, 60)
    assert fleet.steps() == [("up", 1, 2, "done")]
    control_plane.wait_nodes_ready("node-1", "node-2")


def rights(*more):
    """What a target needs in its namespace; `more` stands for the right to change it."""
    return objects.role("scale", objects.rule("deployments", "get", group="apps"),
                        objects.rule("deployments/scale", "get", *more, group="apps", names=["web"]),
                        objects.rule("pods", "list"),
                        objects.rule("horizontalpodautoscalers", "list", group="autoscaling"),
                        objects.rule("scaledobjects", "list", group="keda.sh"),
                        objects.rule("events", "create", "patch", group="events.k8s.io"))


def test_an_expired_token_that_is_replaced_in_its_file(control_plane, namespace, scratch, kubernetes_fleet):
    account = objects.service_account("alertscaler")
    control_plane.apply(account, rights("patch"), namespace=namespace)
    control_plane.apply(objects.role_binding("scale", "scale", account="alertscaler", namespace=namespace),
                        namespace=namespace)
    token = scratch.file("token", text=control_plane.service_account_token(namespace, "alertscaler"))
    fleet = kubernetes_fleet(kubeconfig=control_plane.kubeconfig(name="by-file", token_file=token), repeat="once")
    fleet.scale(2)
    fleet.resolve("to")
    control_plane.delete(f"/api/v1/namespaces/{namespace}/serviceaccounts/alertscaler")
    fleet.wait_unknown("401")
    fleet.fire("up")
    control_plane.apply(account, namespace=namespace)
    scratch.file("token", text=control_plane.service_account_token(namespace, "alertscaler"))
    fleet.expect(3, 60)
    assert fleet.steps() == [("to", 1, 2, "done"), ("up", 2, 3, "done")]


def test_rights_that_are_taken_away_and_given_back(control_plane, namespace, kubernetes_fleet):
    control_plane.apply(rights("patch"), objects.role_binding("scale", "scale", user="user"), namespace=namespace)
    fleet = kubernetes_fleet(kubeconfig=control_plane.kubeconfig("user"), repeat="once")
    fleet.scale(2)
    fleet.resolve("to")
    control_plane.apply(rights(), namespace=namespace)
    eventually(lambda: not control_plane.may("user", "patch", "deployments/scale", "apps", namespace, "web"), 20,
               "the right is gone")
    fleet.fire("up")

    def told():
        seen = fleet.app.target("web")
        text = f"{seen['decision']['text']} {(seen['last_action'] or {}).get('error')}"
        assert "patch" in text and "deployments/scale" in text, seen
        return True

    eventually(told, 60, "the missing right is named")
    assert fleet.spec_replicas() == 2
    control_plane.apply(rights("patch"), namespace=namespace)
    fleet.expect(3, 120)
    assert [step for step in fleet.steps() if step[3] == "done"] == [("to", 1, 2, "done"), ("up", 2, 3, "done")]
