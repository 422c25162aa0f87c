"""What we may do in a cluster: named when it is missing, found again by itself; and what kubectl describe tells of us."""

from rig import eventually, kubernetes_objects as objects

ELSE = [objects.rule("deployments", "get", group="apps"), objects.rule("pods", "list"),
        objects.rule("*", "*", group="autoscaling"), objects.rule("*", "*", group="keda.sh")]
SCALE = objects.rule("deployments/scale", "get", "patch", group="apps", names=["web"])
EVENTS = objects.rule("events", "create", "patch", group="events.k8s.io")
RULE = "- {apiGroups: [apps], resources: [deployments/scale], resourceNames: [web], verbs: [patch]}"


def account(plane, namespace, *rules):
    """The kubeconfig of a service account with these rights."""
    plane.apply(objects.service_account("scaler"), objects.role("scaler", *rules),
                objects.role_binding("scaler", "scaler", account="scaler", namespace=namespace), namespace=namespace)
    return plane.service_account_kubeconfig(namespace, "scaler")


def test_describe_shows_what_became_of_a_workload(control_plane, namespace, kubernetes_fleet):
    fleet = kubernetes_fleet(kubeconfig=account(control_plane, namespace, *ELSE, SCALE, EVENTS))
    fleet.scale(3)

    def described():
        text = control_plane.kubectl("describe", "deployment/web", "--namespace", namespace)
        assert "AlertScaled" in text and "scale 1 -> 3" in text and "alertscaler" in text, text
        return text

    eventually(described, 20, "kubectl describe shows the event")
    ((reason, note),) = fleet.events()
    assert (reason, note) == ("AlertScaled", "alert web-to: scale 1 -> 3"), note


def test_events_that_may_not_be_written_are_in_nobodys_way(control_plane, namespace, kubernetes_fleet):
    fleet = kubernetes_fleet(kubeconfig=account(control_plane, namespace, *ELSE, SCALE))
    fleet.scale(3)
    fleet.scale(2)
    fleet.app.process.wait_for_log("event=kubernetes.event_dropped.*resources: \\[events\\]", 20)
    assert fleet.events() == []


def test_a_missing_right_is_named_and_blocks(control_plane, namespace, kubernetes_fleet):
    fleet = kubernetes_fleet(kubeconfig=account(control_plane, namespace, *ELSE, EVENTS))
    fleet.ask_for(3)
    told = fleet.wait_for_decision("blocked", "not_scalable")
    assert RULE.replace("[patch]", "[get, patch]") in told["text"] or RULE in told["text"], told
    assert f"Role in the namespace {namespace}" in told["text"], told
    assert fleet.spec_replicas() == 1
    account(control_plane, namespace, *ELSE, SCALE, EVENTS)
    fleet.expect(3, 80)
    assert "ScaleBlocked" in [reason for reason, _ in fleet.events()]


def test_a_right_that_is_taken_away(control_plane, namespace, kubernetes_fleet):
    fleet = kubernetes_fleet(kubeconfig=account(control_plane, namespace, *ELSE, SCALE, EVENTS))
    fleet.scale(2)
    account(control_plane, namespace, *ELSE, EVENTS)
    scaler = f"{namespace}:scaler"
    eventually(lambda: not control_plane.may(scaler, "patch", "deployments/scale", "apps", namespace, "web"), 20,
               "the right is gone")
    fleet.ask_for(3)
    assert RULE in fleet.wait_for_decision("blocked", "not_scalable")["text"]
    failed = [entry for entry in fleet.app.history(fleet.target) if entry["outcome"] == "failed"]
    assert len(failed) == 1 and RULE in failed[0]["error"], "it was tried once, and then known to be useless"
    account(control_plane, namespace, *ELSE, SCALE, EVENTS)
    fleet.expect(3, 80)
