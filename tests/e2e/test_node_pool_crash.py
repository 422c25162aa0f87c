"""kill -9 at each step of a node's removal: it ends as if nothing had been, with nothing left."""

import contextlib

import pytest

from rig import eventually, kubernetes_objects as objects

DOWN_POINTS = ("after_leaving", "after_cordon", "after_eviction", "after_removed_mark", "after_stop", "after_node_deleted",
               "after_container_removed")


def crash_at(fleet, point, reason):
    """Starts the program so that it dies at that point, gives it that reason to act, and starts it again."""
    fleet.app.terminate()
    fleet.app.start(env={"ALERTSCALER_CRASH_AT": point})
    with contextlib.suppress(OSError):  # it may end before it answers
        reason()
    fleet.app.wait_killed(60)
    fleet.app.start(ready=False)
    reason()  # as Alertmanager does, which got no answer perhaps


def three_pods_on_the_second_of_two(fleet, plane, namespace):
    """Then the first one goes, with one pod; and the second one takes it."""
    fleet.scale(2)
    fleet.resolve("to")
    fleet.place_pods(namespace, 2, objects.deployment("many", 3, **fleet.pod()), ready=3)
    fleet.place_pods(namespace, 1, objects.deployment("web", 1, **fleet.pod()), ready=1)
    return len(plane.ready_pods(namespace))


def check_end(fleet, plane, namespace, numbers, pods):
    eventually(lambda: len(plane.ready_pods(namespace)) == pods, 60, "every pod runs")
    assert fleet.numbers() == numbers
    assert fleet.check_clean()
    fleet.app.check_journal()


@pytest.mark.parametrize("point", DOWN_POINTS)
def test_on_the_way_down(node_fleet, control_plane, namespace, point):
    fleet = node_fleet()
    pods = three_pods_on_the_second_of_two(fleet, control_plane, namespace)
    crash_at(fleet, point, lambda: fleet.ask_for(1))
    fleet.expect(1)
    check_end(fleet, control_plane, namespace, [2], pods)
    downs = [each for each in fleet.app.history("workers") if each["to"] == 1]
    assert [each["outcome"] for each in downs][-1] == "done" and len(downs) <= 2, downs
