"""Longer stories in which the program, the engine or the whole machine fails at any moment."""

import pathlib
import random
import time

import pytest

from rig import eventually, http_json
from rig.notifications import alert, notification, timestamp

SEED = 20261122
EPISODES = [("up", 1, 2), ("up", 2, 3), ("down", 3, 2), ("up", 2, 3), ("up", 3, 4), ("down", 4, 3), ("down", 3, 2)]


class Sender:
    """An Alertmanager of which one can be sure: it sends until it is told that it was heard."""

    def __init__(self, app):
        self._app = app

    def send(self, one):
        def heard():
            answer = http_json.request(f"{self._app.url}/webhook", "POST", notification(one))
            assert answer.status == 200, answer.text
            return True

        eventually(heard, 20, "the notification is acknowledged")


def kill_at_some_moment(app, chance):
    """kill -9 once the program has told of a random number of further things, or has nothing more to tell; start."""
    lines = chance.randint(1, 12)
    enough = app.process.log().count("\n") + lines
    deadline = time.monotonic() + 1.5  # by then it is idle: as good a moment as any
    eventually(lambda: app.process.log().count("\n") >= enough or time.monotonic() >= deadline, 1.5, "it goes on")
    app.kill()
    app.start(ready=False)


def test_killed_at_random_moments(fleet):
    chance = random.Random(SEED)
    shop = fleet(repeat="once")
    sender = Sender(shop.app)
    for number, (action, start, end) in enumerate(EPISODES):
        one = alert("web", action, f"Episode{number}", timestamp())
        sender.send(one)
        for _ in range(chance.randint(1, 3)):
            kill_at_some_moment(shop.app, chance)
        shop.app.wait_ready()
        shop.expect(end)
        shop.wait_for_decision("none", "already_stepped")
        sender.send({**one, "status": "resolved", "endsAt": timestamp()})
        done = [step for step in shop.steps() if step[3] == "done"]
        assert [(step[0], step[2]) for step in done] == [(each[0], each[2]) for each in EPISODES[:number + 1]]
        assert start in (done[-1][1], *(step[1] for step in shop.steps() if step[3] == "interrupted"))
    assert {step[3] for step in shop.steps()} <= {"done", "interrupted"}, shop.steps()
    shop.app.check_journal()


@pytest.mark.parametrize("how", ("kill", "lose_power"))
def test_the_engine_fails_on_the_way_up(own_engine, fleet, how):
    engine = own_engine()
    shop = fleet(on=engine, up={"step": 3, "cooldown": "1h"}, timeout="5m")
    shop.expect(1)
    shop.fire("up")
    eventually(lambda: len(shop.replicas()) >= 2, 20, "the first new replica exists")
    getattr(engine, how)()
    eventually(lambda: shop.app.target("web")["state"] == "unknown", 30, "the program knows that it sees nothing")
    engine.start()
    shop.expect(4, 90, desired=7)
    assert shop.wait_for_decision("postpone", "cooldown")["from"] == 4
    assert {step[2] for step in shop.steps()} == {4}, shop.steps()
    assert [step[3] for step in shop.steps()].count("done") == 1
    shop.app.check_journal()


@pytest.mark.parametrize("how", ("kill", "lose_power"))
def test_the_engine_fails_on_the_way_down(own_engine, fleet, scratch, how):
    engine = own_engine()
    seen = scratch.directory("seen")
    script = ("trap 'echo asked >> /seen/$$(hostname); sleep 5; echo finished >> /seen/$$(hostname); exit 0' TERM; "
              "echo started >> /seen/$$(hostname); while :; do sleep 0.1; done")
    shop = fleet(on=engine, extra=f'    command: [sh, -c, "{script}"]\n', replicas=4,
                 options={"healthcheck": False, "volumes": [f"{seen}:/seen"]}, down={"step": 2, "cooldown": "1h"},
                 timeout="5m")
    victims = {replica.id[:12] for replica in shop.replicas() if replica.number > 2}
    eventually(lambda: len(list(pathlib.Path(seen).iterdir())) == 4, 20, "all have set their traps")
    shop.fire("down")
    eventually(lambda: shop.app.target("web")["state"] == "scaling", 20, "the action is under way")
    getattr(engine, how)()
    eventually(lambda: shop.app.target("web")["state"] == "unknown", 30, "the program knows that it sees nothing")
    engine.start()
    eventually(lambda: [step[3] for step in shop.steps()][-1:] == ["done"], 90, "the action is done")
    assert shop.wait_for_decision("postpone", "cooldown")["from"] == 2
    assert shop.numbers() == [1, 2]
    # An engine that comes back starts again what it was stopping: it is asked once more, and nobody is killed.
    for victim in victims:
        words = pathlib.Path(seen, victim).read_text(encoding="ascii").split()
        assert words[-3:] == ["started", "asked", "finished"], words
    assert {step[2] for step in shop.steps()} == {2}, shop.steps()
    assert [step[3] for step in shop.steps()].count("done") == 1
    shop.app.check_journal()
