"""GET /api/v1/events: who listens is told of every change, and who listens badly harms nobody."""

import os
import re
import time

import pytest

from rig import eventually
from rig.alertscaler import sanitized
from rig.events import DeadListener, EventListener
from rig.fleet import Fleet
from rig.notifications import alert, notification, timestamp
from rig.settings import settings, simulated_target

IN_TIME = 15.0  # seconds from a change to the listener: 25 of them are threads of this python
AT_ONCE = 10.0  # seconds for an answer of the webhook while others listen badly


@pytest.fixture
def app(start_alertscaler):
    return start_alertscaler(settings(simulated_target(replicas=2, max=9)))


@pytest.fixture
def listen(start):
    return lambda app, **options: start(EventListener, app.address, **options)


def threads(app):
    return len(os.listdir(f"/proc/{app.process.pid}/task"))


def resident_kib(app):
    with open(f"/proc/{app.process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1))


def fire(app, name, action="hold", **options):
    (told,) = app.post(notification(alert("web", action, name, **options)))
    return told


def test_every_change_is_told(app, listen):
    listener = listen(app)
    assert listener.status == 200
    assert listener.headers["content-type"] == "text/event-stream"
    assert listener.headers["cache-control"] == "no-store"
    eventually(lambda: listener.of("reset") == [{}], 5, "what it knows is out of date")
    firing = alert("web", "up", "Busy")
    assert app.post(notification(firing))[0]["result"] == "accepted"
    told = listener.wait_for("alert", lambda a: a["status"] == "firing")
    (known,) = app.get("/api/v1/alerts")
    assert {**known, "status": "firing", "last_seen": None} == {**told, "last_seen": None}
    assert listener.wait_for("history", lambda entry: True) == app.history()[0]
    eventually(lambda: len(app.history()) == 7, 20, "it has reached its maximum")
    eventually(lambda: listener.of("history") == app.history(), 5, "every action is told, in order")
    target = listener.wait_for("target", lambda t: t["observed"] == 9 and t["decision"]["reason"] == "at_max")
    assert target.keys() == app.target("web").keys()

    app.post(notification({**firing, "status": "resolved", "endsAt": timestamp()}))
    assert listener.wait_for("alert", lambda a: a["status"] == "ended")["labels"] == firing["labels"]
    eventually(lambda: listener.of("target")[-1]["alerts"] == [], 5, "the target has no alert any more")
    ids = [id for _, _, id, _ in listener.received[1:]]
    assert len(set(ids)) == len(ids)


def test_being_seen_again_is_no_change(app, listen):
    firing = notification(alert("web", "hold", "Again"))
    app.post(firing)
    listener = listen(app)
    for _ in range(5):
        assert app.post(firing)[0]["result"] == "duplicate"
    fire(app, "Last")
    listener.wait_for("alert", lambda a: a["labels"]["alertname"] == "Last")
    assert len(listener.of("alert")) == 1


def test_who_comes_back_gets_what_it_missed(app, listen):
    listen(app)  # keeps the events
    first = listen(app)
    fire(app, "One")
    first.wait_for("alert", lambda a: a["labels"]["alertname"] == "One")
    last_id = next(id for _, kind, id, _ in first.received if kind == "alert")
    first.close()
    fire(app, "Two")
    fire(app, "Three")
    again = listen(app, headers=[f"Last-Event-ID: {last_id}"])
    again.wait_for("alert", lambda a: a["labels"]["alertname"] == "Three")
    assert [each["labels"]["alertname"] for each in again.of("alert")] == ["Two", "Three"]
    assert again.of("reset") == []
    for unknown in ("0-1", "nonsense", "", last_id + "000"):
        stranger = listen(app, headers=[f"Last-Event-ID: {unknown}"])
        eventually(lambda one=stranger: one.of("reset") == [{}], 5, f"{unknown!r} says nothing")


def test_what_it_refuses(app):
    assert app.request("/api/v1/events?target=web").status == 400
    assert app.request("/api/v1/events", "POST", {}).status == 405
    assert app.request("/api/v1/events", "HEAD").status == 200
    assert app.metric("process_open_fds") is not None


def test_listeners_are_bounded(app, listen):
    assert all(listen(app).status == 200 for _ in range(100))
    answer = app.request("/api/v1/events")
    assert answer.status == 503, answer.text
    assert "100 listeners" in answer.text and answer.headers["Retry-After"]
    fire(app, "Meanwhile")


def test_a_place_is_free_again_when_its_listener_goes(app, listen):
    for _ in range(5):
        before = [listen(app) for _ in range(50)]
        assert all(each.status == 200 for each in before)
        for each in before:
            each.close()
        eventually(lambda: descriptors(app) < 30, 10, "their sockets are closed")


def descriptors(app):
    return len(os.listdir(f"/proc/{app.process.pid}/fd"))


def has_ended(told, name):
    return told and (told["labels"]["alertname"], told["status"]) == (name, "ended")


def test_half_of_fifty_are_dead(app, start, listen):
    """The rest are told in time, however much there is to tell; threads and memory stay bounded."""
    fire(app, "Before")
    threads_before = threads(app)
    dead = [start(DeadListener, app.address) for _ in range(25)]
    good = [listen(app) for _ in range(25)]
    # Those that took the connections in go when they have had nothing to do for 10 s.
    eventually(lambda: threads(app) <= threads_before, 30, "listeners cost no threads")
    memory_before = resident_kib(app)
    text = "x" * 8000
    slowest = delivered = 0.0
    began = time.monotonic()
    posted = 0
    while delivered < 30:  # megabytes to each: more than the kernel and the program keep for one that does not read
        batch = [alert("web", "hold", f"A{posted + i}", annotations={"text": text}) for i in range(20)]
        before = time.monotonic()
        app.post(notification(*batch))
        slowest = max(slowest, time.monotonic() - before)
        posted += len(batch)
        delivered += len(batch) * len(text) / 1e6
        resolved = [{**each, "status": "resolved", "endsAt": timestamp()} for each in batch]
        app.post(notification(*resolved))
        delivered += len(batch) * len(text) / 1e6
        # A good listener keeps up; 25 of them in this one process do so only when they are given the time.
        name = batch[-1]["labels"]["alertname"]
        eventually(lambda name=name: all(has_ended(each.newest("alert"), name) for each in good), 20,
                   f"all were told of {name}")
    assert slowest < AT_ONCE, f"a notification took {slowest:.2f} s"
    last = time.monotonic()
    fire(app, "Last")
    for each in good:
        each.wait_for("alert", lambda a: a["labels"]["alertname"] == "Last")
    arrived = max(next(at for at, kind, _, data in reversed(each.received)
                       if kind == "alert" and data["labels"]["alertname"] == "Last") for each in good)
    assert arrived - last < IN_TIME, f"the last was told after {arrived - last:.2f} s"
    for each in good:
        names = [a["labels"]["alertname"] for a in each.of("alert") if a["status"] == "firing"]
        assert names == [f"A{i}" for i in range(posted)] + ["Last"], "nothing is left out"
        assert len(each.of("reset")) == 1
    # A worker or two for the requests.
    eventually(lambda: threads(app) <= threads_before + 4, 30, "threads are bounded")
    grown = resident_kib(app) - memory_before
    assert sanitized() or grown < 60 << 10, f"{grown} KiB more"
    told = app.process.log().count("event=events.cut_off")
    assert told == len(dead), "those who read nothing were cut off, and nobody else"
    print(f"{posted} alerts, {delivered:.0f} MB to each of 25 in {time.monotonic() - began:.1f} s; slowest answer "
          f"{slowest * 1000:.0f} ms, last event after {(arrived - last) * 1000:.0f} ms, {grown} KiB more")


def test_listeners_do_not_keep_it_from_stopping(app, start, listen):
    listeners = [listen(app) for _ in range(10)]
    for _ in range(10):
        start(DeadListener, app.address)
    before = time.monotonic()
    assert app.terminate() == 0
    assert time.monotonic() - before < 8
    assert all(each.ended.wait(5) for each in listeners)


def test_listeners_take_no_place_of_a_connection(app, listen):
    """More listeners than waiting requests: the notification is not told that there is no room."""
    listeners = [listen(app) for _ in range(90)]
    told = fire(app, "Amid")
    assert told["result"] == "accepted"
    for each in listeners:
        each.wait_for("alert", lambda a: True)


def test_the_loop_goes_on_while_nobody_reads(app, start):
    for _ in range(20):
        start(DeadListener, app.address)
    fleet = Fleet(None, None, app, "web")
    fleet.ask_for(7)
    assert fleet.wait_for_action("done")["to"] == 7
