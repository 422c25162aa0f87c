"""What a pool must not do to others' nodes, to nodes that are away for a moment, and when it is taken away itself."""

from rig import eventually, kubernetes_objects as objects
from rig.node_fleet import NodeFleet
from rig.settings import settings, simulated_target


def test_two_installations_with_a_target_of_one_name(node_fleet, node_network, start_alertscaler, control_plane):
    """On one engine, in one cluster, with names that begin alike."""
    ours = node_fleet()
    ours.scale(2)
    theirs = NodeFleet(node_network, ours.prefix)
    theirs.app = start_alertscaler(theirs.config(), ready=False, name="theirs")
    note = eventually(lambda: theirs.app.target("workers")["note"], 30, "it says what it leaves alone")
    assert f"{ours.name(1)}, {ours.name(2)}" in note and "another installation's pool" in note, note
    theirs.ask_for(1)
    eventually(lambda: ours.numbers() == [1, 2, 3] and theirs.app.target("workers")["ready"] == 1, 60, "it makes one beside them")
    assert ours.app.target("workers")["observed"] == 2
    theirs.ask_for(0)
    eventually(lambda: ours.numbers() == [1, 2], 60, "and removes it again")
    theirs.app.terminate()
    theirs.app.start()
    eventually(lambda: theirs.app.target("workers")["observed"] == 0, 30, "it looks again")
    ours.expect(2)
    assert ours.check_clean() and control_plane.node(ours.name(1))
    assert len(ours.app.history("workers")) == 1


def test_a_node_that_is_away_for_a_moment_is_not_taken(node_fleet, namespace, control_plane):
    fleet = node_fleet()
    fleet.scale(2)
    fleet.place_pods(namespace, 1, objects.deployment("web", 2, **fleet.pod()), ready=2)
    fleet.place_pods(namespace, 2, objects.deployment("db", 1, **fleet.pod()), ready=1)
    fleet.engine.call("POST", f"/containers/{fleet.name(2)}/pause")
    eventually(lambda: fleet.name(2) not in fleet.network.ready_nodes(fleet.prefix), 90, "it is not ready any more")
    fleet.ask_for(1)
    waits = f"no node is taken now: {fleet.name(2)} cannot work"
    eventually(lambda: waits in (fleet.app.target("workers")["error"] or ""), 30, "the scale-down waits for it")
    assert fleet.numbers() == [1, 2] and not fleet.cordoned(1) and not fleet.cordoned(2)
    fleet.engine.call("POST", f"/containers/{fleet.name(2)}/unpause")
    fleet.expect(1)
    assert fleet.numbers() == [1], "the one with fewer pods has gone, drained"
    eventually(lambda: len(control_plane.ready_pods(namespace)) == 3, 60, "every pod runs")
    assert fleet.check_clean()


def test_a_pool_that_is_taken_out_of_the_configuration(node_fleet, namespace, control_plane):
    fleet = node_fleet()
    fleet.scale(2)
    fleet.place_pods(namespace, 1, objects.deployment("web", 2, **fleet.pod()), ready=2)
    fleet.place_pods(namespace, 2, objects.deployment("db", 1, **fleet.pod()), ready=1)
    (pod,) = fleet.pods_on(namespace, 2)
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}"
    control_plane.patch(path, {"metadata": {"finalizers": ["example.io/hold"]}})  # so that its end takes as long as we like
    fleet.ask_for(1)
    eventually(lambda: "1 pod is left" in (fleet.app.target("workers")["error"] or ""), 30, "it is being drained")
    assert fleet.cordoned(2)
    fleet.app.configure(settings(simulated_target("other")))
    assert fleet.app.request("/-/reload", "POST").status == 200
    eventually(lambda: not fleet.cordoned(2), 30, "it takes work again")
    control_plane.patch(path, {"metadata": {"finalizers": None}})
    assert fleet.numbers() == [1, 2] and fleet.check_clean()
    fleet.resolve("to")
    fleet.reload()
    fleet.expect(2)
