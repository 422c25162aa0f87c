"""kill -9 at the steps of what a pool does: it ends as if nothing had been, with nothing left."""

import contextlib

import pytest

from rig import eventually, kubernetes_objects as objects

UP_POINTS = ("after_intent", "after_create", "after_start")
# Not after_stop: a container that takes a moment to stop is seen stopped by the next look, which does not come by there.
DOWN_POINTS = ("after_leaving", "after_cordon", "after_eviction", "after_removed_mark", "after_node_deleted",
               "after_container_removed")
REPLACE_POINTS = ("after_replaced_mark", "after_create", "after_start", "after_cordon", "after_eviction",
                  "after_removed_mark")


def crash_at(fleet, point, reason):
    """Starts the program so that it dies at that point, gives it that reason to act, and starts it again."""
    fleet.app.terminate()
    fleet.app.start(env={"ALERTSCALER_CRASH_AT": point})
    with contextlib.suppress(OSError):  # it may end before it answers
        reason()
    fleet.app.wait_killed(240)
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


@pytest.mark.parametrize("point", UP_POINTS)
def test_on_the_way_up(node_fleet, point):
    fleet = node_fleet()
    crash_at(fleet, point, lambda: fleet.ask_for(2))
    fleet.expect(2)
    assert fleet.check_clean() and len(fleet.numbers()) == 2
    entries = fleet.app.history("workers")
    assert [each["outcome"] for each in entries][-1] == "done" and len(entries) <= 2, entries
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


@pytest.mark.parametrize("point", REPLACE_POINTS)
def test_while_a_node_is_replaced(node_fleet, control_plane, namespace, point):
    fleet = node_fleet(drain={"replace": True})
    fleet.scale(1)
    fleet.resolve("to")
    fleet.place_pods(namespace, 1, objects.deployment("web", 2, **fleet.pod()), ready=2)
    crash_at(fleet, point, lambda: fleet.drain(1))
    eventually(lambda: 1 not in fleet.numbers(), 90, "the node that was named is gone")
    fleet.expect(1)
    (number,) = fleet.numbers()
    assert number in (2, 3), "a name is used for one node only"
    check_end(fleet, control_plane, namespace, [number], 2)
