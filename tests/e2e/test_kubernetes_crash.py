"""kill -9 in the middle of a scale in a cluster: it goes on after the start, no step is twice, none is lost."""

import pytest

from rig import api_trouble, eventually, http_json
from rig.notifications import alert, notification

POINTS = ("before_intent", "after_intent", "before_outcome")


def deliver(app, payload):
    """Posts as Alertmanager does: what got no good answer is sent again. Was it acknowledged?"""
    try:
        answer = http_json.request(f"{app.url}/webhook", "POST", payload)
    except OSError:  # the program ended before it answered
        return False
    assert answer.status == 200, answer.text
    return True


def check_one_step(fleet, action, start, end):
    """The history tells of one step: what was interrupted wanted the same, and the last is done."""
    entries = fleet.app.history("web")
    assert {(entry["action"], entry["to"]) for entry in entries} == {(action, end)}, entries
    assert [entry["outcome"] for entry in entries] == ["interrupted"] * (len(entries) - 1) + ["done"], entries
    assert entries[0]["from"] == start and len(entries) <= 2, entries
    fleet.app.check_journal()


@pytest.mark.parametrize("kind", ("Deployment", "StatefulSet"))
@pytest.mark.parametrize("action, end", (("up", 5), ("down", 1)))
@pytest.mark.parametrize("point", POINTS)
def test_a_crash_at_each_point(kubernetes_fleet, kind, action, end, point):
    fleet = kubernetes_fleet(kind, 3, **{action: {"step": 2, "cooldown": "1h"}})
    fleet.expect(3)
    fleet.app.terminate()
    fleet.app.start(env={"ALERTSCALER_CRASH_AT": point})
    payload = notification(alert("web", action))
    acknowledged = deliver(fleet.app, payload)
    fleet.app.wait_killed()
    fleet.app.start()
    assert acknowledged or deliver(fleet.app, payload)
    fleet.expect(end, desired=7 if action == "up" else None)
    check_one_step(fleet, action, 3, end)


@pytest.mark.parametrize("fault, done", ((api_trouble.stalled(), False), (api_trouble.unanswered(), True)),
                         ids=("not carried out", "carried out"))
def test_killed_while_the_answer_to_its_write_is_on_the_way(control_plane, kubernetes_fleet, trouble, fault, done):
    fleet = kubernetes_fleet(replicas=2, kubeconfig=control_plane.kubeconfig(server=trouble.url),
                             up={"step": 2, "cooldown": "1h"})
    fleet.expect(2)
    trouble.cause(fault, "PATCH", "/scale")
    fleet.fire("up")
    eventually(lambda: trouble.pending("PATCH", "/scale"), 20, "the write is under way")
    eventually(lambda: fleet.spec_replicas() == (4 if done else 2), 20, "it is carried out, or not")
    fleet.app.kill()
    trouble.end()
    fleet.app.start()
    fleet.expect(4, desired=6)
    check_one_step(fleet, "up", 2, 4)


def test_killed_while_it_waits_for_pods(kubernetes_fleet, probes):
    fleet = kubernetes_fleet(replicas=1, up={"cooldown": "1h"}, pod={"ready_at": probes.address}, timeout="2m")
    fleet.expect(1)
    probes.ready = False
    fleet.fire("up")
    eventually(lambda: len(fleet.pods()) == 2, 30, "the new pod exists, and is not ready")
    fleet.app.kill()
    fleet.app.start()
    eventually(lambda: fleet.app.target("web")["state"] == "scaling", 20, "the action goes on")
    probes.ready = True
    fleet.expect(2, desired=3)
    check_one_step(fleet, "up", 1, 2)
