"""Alertmanagers repeat themselves, retry and overtake each other: none of it may change what is done."""

import random
import threading

import pytest

from rig import eventually
from rig.notifications import alert, notification, timestamp
from rig.settings import simulated_target, settings

TIMES = 40  # all of them within the minute in which a late firing is known as one, on a slow machine too
SENDERS = ("http://alertmanager-1:9093", "http://alertmanager-2:9093")
POLICIES = {
    "one step an episode": {"repeat": "once"},
    "steps until the maximum": {"max": 4},
    "one step, then a long cooldown": {"up": {"cooldown": "1h"}},
    "back when it is over": {"repeat": "once", "on_resolve": "restore"},
}


class Story:
    """Two episodes of one alert, each with its end; the times are the same whenever a part is delivered."""

    def __init__(self):
        self._name = "HighLoad"
        self.first = self._alert(40)
        self.first_end = self._alert(40, ended=30)
        self.second = self._alert(20)
        self.second_end = self._alert(20, ended=10)

    def _alert(self, started, ended=None):
        return alert("web", "up", self._name, timestamp(started), ended and timestamp(ended), {"summary": "busy"})

    def chapters(self):
        """What is new in each chapter, and what can still come late in it."""
        return [(self.first, []), (self.first_end, [self.first]), (self.second, [self.first, self.first_end]),
                (self.second_end, [self.first, self.first_end, self.second])]


def settled(app):
    """Lets the target be looked at until there is nothing more to do; its history so far, without times."""
    # The end of an alert that never was: it changes nothing, and is answered with what is decided afterwards.
    probe = notification(alert("web", "up", "Probe", ends_at=timestamp()))

    def quiet():
        (told,) = app.post(probe, "?wait=10s")
        assert told["decision"]["outcome"] == "none" or told["decision"]["reason"] == "cooldown", told
        return True

    eventually(quiet, 30, "there is nothing more to do")
    assert app.target("web")["state"] in ("idle", "postponed")
    return [(entry["action"], entry["from"], entry["to"], entry["outcome"], entry["cause"]["fingerprint"])
            for entry in app.history("web")]


def deliver_once(app, story):
    """One clean delivery of each chapter; the history after each."""
    histories = []
    for news, _late in story.chapters():
        (told,) = app.post(notification(news))
        assert told["result"] == "accepted", told
        histories.append(settled(app))
    return histories


def deliver_many_times(app, story, seed):
    """Each chapter many times by two senders at once, mixed with everything that came before it."""
    histories, results = [], []
    for number, (news, late) in enumerate(story.chapters()):
        deliveries = [news] * TIMES + late * TIMES
        order = random.Random(seed + number)
        order.shuffle(deliveries)
        failures = []

        def send(sender, mine):
            try:
                for each in mine:
                    results.extend(told["result"] for told in app.post(notification(each, sender=sender)))
            except Exception as error:  # pylint: disable=broad-except
                failures.append(error)

        threads = [threading.Thread(target=send, args=(sender, deliveries[index::len(SENDERS)]))
                   for index, sender in enumerate(SENDERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures
        histories.append(settled(app))
    return histories, results


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES.keys())
def test_many_deliveries_are_one(policy, start_alertscaler):
    config = settings(simulated_target(replicas=2, **policy))
    story = Story()
    clean = deliver_once(start_alertscaler(config, name="clean"), story)
    assert clean[-1] != [], "the clean story does something"
    messy = start_alertscaler(config, name="messy")
    histories, results = deliver_many_times(messy, story, seed=len(policy))
    assert histories == clean
    assert results.count("accepted") == len(story.chapters())
    assert set(results) == {"accepted", "duplicate", "stale"}
    messy.check_journal()


def test_many_deliveries_are_one_across_a_restart(start_alertscaler):
    config = settings(simulated_target(replicas=2, repeat="once"))
    story = Story()
    clean = deliver_once(start_alertscaler(config, name="clean"), story)
    app = start_alertscaler(config, name="messy")
    seen = []
    for news, late in story.chapters():
        for each in [news, *late]:
            app.post(notification(each))
        app.kill()
        app.start()
        for each in [*late, news] * 10:
            (told,) = app.post(notification(each))
            assert told["result"] != "accepted", told
        seen.append(settled(app))
    # What a kill -9 cut short says so, and was made up for: it is no step.
    assert [[step for step in history if step[3] != "interrupted"] for history in seen] == clean
    app.check_journal()


def test_the_order_of_alerts_in_one_notification_does_not_matter(start_alertscaler):
    story = Story()
    everything = [story.first, story.first_end, story.second]
    wanted = None
    for turn in range(6):
        app = start_alertscaler(settings(simulated_target(replicas=2, repeat="once")), name=f"order-{turn}")
        shuffled = random.Random(turn).sample(everything, len(everything))
        app.post(notification(*shuffled * 3))
        (active,) = app.get("/api/v1/alerts")
        assert active["startsAt"] == story.second["startsAt"]
        wanted = wanted or settled(app)
        assert settled(app) == wanted == [("up", 2, 3, "done", story.first["fingerprint"])]
        app.close()
