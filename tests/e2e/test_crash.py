"""kill -9 at each point of an action, and the start after it: the count is right, no step is twice, none is lost."""

import os

import pytest

from rig import eventually, http_json
from rig.notifications import alert, notification, timestamp

UP_POINTS = ("before_intent", "after_intent", "after_create", "after_start", "before_outcome")
DOWN_POINTS = ("before_intent", "after_intent", "before_outcome")  # nothing is created on the way down


def deliver(app, payload):
    """Posts as Alertmanager does: what got no good answer is sent again. Was it acknowledged?"""
    try:
        answer = http_json.request(f"{app.url}/webhook", "POST", payload)
    except OSError:  # the program ended before it answered
        return False
    assert answer.status == 200, answer.text
    return True


def crash_at(fleet, point, payload):
    """Starts the program so that it dies at that point, gives it that reason to act, and starts it again."""
    fleet.app.terminate()
    fleet.app.start(env={"ALERTSCALER_CRASH_AT": point})
    acknowledged = deliver(fleet.app, payload)
    fleet.app.wait_killed()
    fleet.app.start()
    if not acknowledged:
        assert deliver(fleet.app, payload)


def check_one_step(fleet, action, start, end):
    """The history tells of one step from `start` to `end`: what was interrupted wanted the same, and the last is done."""
    entries = fleet.app.history("web")
    assert {(entry["action"], entry["to"]) for entry in entries} == {(action, end)}, entries
    assert [entry["outcome"] for entry in entries] == ["interrupted"] * (len(entries) - 1) + ["done"], entries
    assert entries[0]["from"] == start, entries
    assert len(entries) <= 2, entries
    fleet.app.check_journal()


@pytest.mark.parametrize("step", (1, 2))
@pytest.mark.parametrize("point", UP_POINTS)
def test_a_crash_on_the_way_up(fleet, point, step):
    shop = fleet(up={"step": step, "cooldown": "1h"})
    crash_at(shop, point, notification(alert("web", "up")))
    shop.expect(1 + step, desired=1 + 2 * step)
    assert shop.wait_for_decision("postpone", "cooldown")["from"] == 1 + step
    check_one_step(shop, "up", 1, 1 + step)
    assert len(shop.project.leftovers()) == 1 + step + 1  # the replicas and the network


@pytest.mark.parametrize("step", (1, 2))
@pytest.mark.parametrize("point", DOWN_POINTS)
def test_a_crash_on_the_way_down(fleet, point, step):
    shop = fleet(replicas=4, down={"step": step, "cooldown": "1h"})
    crash_at(shop, point, notification(alert("web", "down")))
    shop.expect(4 - step, desired=max(1, 4 - 2 * step))
    assert shop.numbers() == list(range(1, 5 - step))
    assert shop.wait_for_decision("postpone", "cooldown")["from"] == 4 - step
    check_one_step(shop, "down", 4, 4 - step)


def test_a_drain_and_the_count_from_before_survive(fleet):
    shop = fleet(replicas=3)
    drain = alert("web", "drain")
    crash_at(shop, "after_intent", notification(drain))
    shop.expect(0)
    check_one_step(shop, "drain", 3, 0)
    shop.app.kill()
    shop.app.start()
    assert shop.app.target("web")["state"] == "drained"
    shop.app.terminate()
    shop.app.start(env={"ALERTSCALER_CRASH_AT": "after_start"})
    deliver(shop.app, notification({**drain, "status": "resolved", "endsAt": timestamp()}))
    shop.app.wait_killed()
    shop.app.start()
    shop.expect(3)
    done = [step for step in shop.steps() if step[3] == "done"]
    assert [(step[0], step[2]) for step in done] == [("drain", 0), ("restore", 3)]
    shop.app.check_journal()


def test_killed_while_its_victims_stop(fleet, scratch):
    """Stopping takes longer than one look: whoever was told to stop stays the one that goes."""
    seen = scratch.directory("seen")
    script = "trap 'touch /seen/$$(hostname); sleep 3; exit 0' TERM; touch /tmp/set; while :; do sleep 0.1; done"
    shop = fleet(extra=f'    command: [sh, -c, "{script}"]\n    stop_grace_period: 20s\n',
                 options={"healthcheck": False, "volumes": [f"{seen}:/seen"]},
                 replicas=4, down={"step": 2, "cooldown": "1h"})
    shop.wait_for_file("/tmp/set")
    victims = {replica.id[:12] for replica in shop.replicas() if replica.number > 2}
    shop.fire("down")
    eventually(lambda: set(os.listdir(seen)) == victims, 20, "both victims were told to stop")
    shop.app.kill()
    shop.app.start()
    shop.wait_for_action("done")
    assert shop.numbers() == [1, 2]
    assert set(os.listdir(seen)) == victims
    check_one_step(shop, "down", 4, 2)
