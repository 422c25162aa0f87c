"""An API server that is slow, busy or unwilling: no wrong action, a clear reason, and recovery by itself."""

import time

import pytest

from rig import api_trouble, eventually

WRITES = ("PATCH|PUT", "/scale")


@pytest.fixture
def troubled(control_plane, kubernetes_fleet, trouble):
    """troubled(…): a fleet whose program reaches the API server through `trouble`."""
    return lambda **options: kubernetes_fleet(kubeconfig=control_plane.kubeconfig(server=trouble.url), **options)


def test_throttled_writes_are_sent_again_after_the_time_that_they_are_told(troubled, trouble):
    fleet = troubled(repeat="once")
    fleet.expect(1)
    trouble.cause(api_trouble.throttled(), *WRITES, times=3)
    fleet.fire("up")
    fleet.expect(2)
    writes = trouble.requests(*WRITES)
    assert [each.status for each in writes] == [429, 429, 429, 200]
    assert all(after.time - before.time >= 0.9 for before, after in zip(writes, writes[1:])), writes
    assert fleet.steps() == [("up", 1, 2, "done")]


def test_throttled_looks_are_no_answer(troubled, trouble):
    fleet = troubled(repeat="once")
    fleet.expect(1)
    trouble.cause(api_trouble.throttled(), "GET")
    fleet.fire("up")
    fleet.wait_unknown("429")
    assert trouble.requests(*WRITES) == []
    trouble.end()
    fleet.expect(2, 60)
    assert fleet.steps() == [("up", 1, 2, "done")]


def test_a_storm_of_conflicts(troubled, trouble):
    fleet = troubled(repeat="once")
    fleet.expect(1)
    trouble.cause(api_trouble.conflict(), *WRITES, times=40)
    began = time.monotonic()
    fleet.fire("up")
    eventually(lambda: fleet.spec_replicas() == 2, 90, "the storm is over and the step made")
    fleet.expect(2)
    writes = trouble.requests(*WRITES)
    assert [each.status for each in writes] == [409] * 40 + [200]
    assert writes[-1].time - began > 1, "it does not hammer a server that has conflicts"
    assert [step for step in fleet.steps() if step[3] == "done"] == [("up", 1, 2, "done")]


@pytest.mark.parametrize("fault, word", (
    (api_trouble.internal_error(), "500"), (api_trouble.unavailable(), "503"), (api_trouble.timed_out(), "504"),
    (api_trouble.cut(), "/apis/apps/v1")), ids=("500", "503", "504", "cut"))
def test_errors_of_every_kind_are_no_answer(troubled, trouble, fault, word):
    fleet = troubled(repeat="once")
    fleet.expect(1)
    trouble.cause(fault)
    fleet.fire("up")
    fleet.wait_unknown(word)
    assert fleet.spec_replicas() == 1 and fleet.steps() == []
    trouble.end()
    fleet.expect(2, 60)
    assert fleet.steps() == [("up", 1, 2, "done")]


@pytest.mark.parametrize("fault", (api_trouble.internal_error(), api_trouble.timed_out(), api_trouble.cut()),
                         ids=("500", "504", "cut"))
def test_writes_that_fail_are_looked_after_and_tried_again(troubled, trouble, fault):
    fleet = troubled(repeat="once")
    fleet.expect(1)
    trouble.cause(fault, *WRITES, times=4)
    fleet.fire("up")
    eventually(lambda: fleet.spec_replicas() == 2, 60, "it is done in the end")
    fleet.expect(2)
    writes = [each.status for each in trouble.requests(*WRITES)]
    assert len(writes) == 5 and writes[-1] == 200, writes
    assert [step for step in fleet.steps() if step[3] == "done"] == [("up", 1, 2, "done")]


def test_a_lost_answer_is_read_and_not_assumed(troubled, trouble):
    fleet = troubled(up={"step": 2, "cooldown": "1h"})
    fleet.expect(1)
    trouble.cause(api_trouble.lost_answer(), *WRITES, times=1)
    fleet.fire("up")
    fleet.expect(3, desired=5)
    assert len(trouble.requests(*WRITES)) == 1
    assert fleet.steps() == [("up", 1, 3, "done")]


@pytest.mark.parametrize("method", ("GET", "PATCH|PUT"), ids=("look", "write"))
def test_a_connection_that_stalls(troubled, trouble, method):
    """Nothing hangs: the deadline passes, the reason is shown, others are served, and it goes on by itself."""
    fleet = troubled(up={"step": 2, "cooldown": "1h"}, timeout="2m")
    fleet.expect(1)
    trouble.cause(api_trouble.stalled(), method, "/web")
    fleet.fire("up")
    eventually(lambda: trouble.pending(method), 20, "a request is stalled")
    assert fleet.app.request("/-/healthy", seconds=8).status == 200
    eventually(lambda: len(trouble.pending(method)) + len(trouble.requests(method)) >= 2, 60, "it has tried again")
    if method == "GET":
        fleet.wait_unknown("/deployments/web")
    assert fleet.spec_replicas() == 1
    trouble.end()
    fleet.expect(3, 60, desired=5)
    assert [step for step in fleet.steps() if step[3] == "done"] == [("up", 1, 3, "done")]
