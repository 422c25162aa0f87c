"""A disk that is full, a file that is locked, damaged or gone, through the running program: what was acknowledged is
never lost, what cannot be kept is answered 503, and what passes by itself needs nobody."""

import contextlib
import os
import shutil
import sqlite3

import pytest

from rig import eventually
from rig.notifications import alert, notification
from rig.settings import simulated_target, settings

CONFIG = settings(simulated_target(replicas=2, max=1000, up={"cooldown": "200ms"}))


def answer(app, *alerts):
    return app.request("/webhook", "POST", notification(*alerts))


def refused(app, *alerts):
    """The notification is answered so that its sender tries again; the reason."""
    told = answer(app, *alerts)
    assert told.status == 503 and int(told.headers["Retry-After"]) > 0, told
    assert told.json()["errorType"] == "unavailable", told
    return told.json()["error"]


def active(app):
    return {each["labels"]["alertname"] for each in app.get("/api/v1/alerts")}


def check_standstill(app):
    """Nothing is done that cannot be written down, however often it is tried, and everything can still be read."""

    def failures(more_than):
        counted = app.metric("alertscaler_store_failures_total")
        return counted if counted > more_than else None

    def started():
        return app.process.log().count("event=action.start")

    eventually(lambda: "alertscaler.db" in app.target("web")["error"], 20, "the target says what it waits for")
    first = eventually(lambda: failures(0), 20, "it is counted")
    count, actions = app.target("web")["observed"], started()
    eventually(lambda: failures(first + 2), 20, "it was tried again")
    assert app.target("web")["observed"] == count and started() == actions
    for path in ("/-/healthy", "/api/v1/alerts", "/api/v1/status"):
        assert app.request(path).status == 200, path


def check_it_goes_on(app, acknowledged):
    """By itself, and a kill -9 afterwards loses nothing of what was acknowledged."""
    count = app.target("web")["observed"]
    eventually(lambda: app.target("web")["observed"] > count, 20, "it goes on")
    assert active(app) == acknowledged
    app.kill()
    app.start()
    assert active(app) == acknowledged
    reached = [step[2] for step in app.steps("web") if step[3] == "done"]
    assert reached == list(range(3, 3 + len(reached))), reached


def test_a_full_disk(small_disk, start_alertscaler):
    app = start_alertscaler(CONFIG, disk=small_disk)
    app.post(notification(alert("web", "up", "Busy")), "?wait=10s")
    small_disk.fill()
    assert "disk is full" in refused(app, alert("web", "hold", "Refused"))
    check_standstill(app)
    assert active(app) == {"Busy"}
    small_disk.make_room()
    app.post(notification(alert("web", "hold", "Later")))
    check_it_goes_on(app, {"Busy", "Later"})


def test_a_disk_that_fills_up_while_alerts_come(small_disk, start_alertscaler):
    app = start_alertscaler(CONFIG, disk=small_disk)
    acknowledged = set()
    for number in range(4000):
        name = f"Hold{number}"
        told = answer(app, alert("web", "hold", name, annotations={"description": "x" * 2000}))
        if told.status != 200:
            break
        acknowledged.add(name)
    assert told.status == 503 and acknowledged, told
    app.kill()
    app.start()
    assert active(app) == acknowledged
    # One more may fit, for the log was moved into the file at the start; what is acknowledged counts.
    told = answer(app, alert("web", "hold", "After"))
    assert told.status in (200, 503), told
    assert active(app) == acknowledged | ({"After"} if told.status == 200 else set())
    assert app.terminate() == 0


@pytest.mark.parametrize("end", ("kill", "terminate"))
def test_a_restart_while_the_disk_is_full(end, small_disk, start_alertscaler):
    app = start_alertscaler(CONFIG, disk=small_disk)
    app.post(notification(alert("web", "hold", "Kept")))
    small_disk.fill()
    getattr(app, end)()
    small_disk.fill()
    app.start()
    assert "disk is full" in refused(app, alert("web", "hold", "Refused"))
    assert active(app) == {"Kept"}
    small_disk.make_room()
    assert answer(app, alert("web", "hold", "Later")).status == 200


def test_no_room_for_the_first_file(small_disk, start_alertscaler):
    app = start_alertscaler(CONFIG, disk=small_disk)
    app.kill()
    for name in os.listdir(small_disk.file("data")):
        os.remove(small_disk.file(f"data/{name}"))
    small_disk.fill()
    said = app.start_refused()
    assert "full" in said or "No space left" in said, said
    small_disk.make_room()
    app.start()


def test_a_read_only_disk_at_the_start(small_disk, start_alertscaler):
    app = start_alertscaler(CONFIG, disk=small_disk)
    assert app.terminate() == 0
    small_disk.make_read_only()
    said = app.start_refused()
    assert "Read-only file system" in said and "--storage.path" in said, said


def test_a_file_that_another_program_locks(start_alertscaler):
    app = start_alertscaler(CONFIG)
    app.post(notification(alert("web", "up", "Busy")), "?wait=10s")
    with contextlib.closing(sqlite3.connect(f"{app.storage}/alertscaler.db", timeout=10, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "locked" in refused(app, alert("web", "hold", "Refused"))
        check_standstill(app)
        assert app.request("/api/v1/history").status == 200
        other.execute("ROLLBACK")
    app.post(notification(alert("web", "hold", "Later")))
    check_it_goes_on(app, {"Busy", "Later"})


def delete(storage, aside):
    shutil.rmtree(storage)


def move(storage, aside):
    os.rename(storage, aside)


@pytest.mark.parametrize("take_away", (delete, move))
def test_a_directory_that_is_taken_away(take_away, scratch, start_alertscaler):
    """What went into files without a name would be lost with the process, so nothing is acknowledged any more."""
    app = start_alertscaler(CONFIG)
    app.post(notification(alert("web", "hold", "Kept")))
    aside = f"{scratch.path}/aside"
    take_away(app.storage, aside)
    said = refused(app, alert("web", "hold", "Refused"))
    assert app.storage in said and "deleted, moved" in said, said
    ready = app.request("/-/ready")
    assert ready.status == 503 and "deleted, moved" in ready.text, ready
    assert app.terminate() == 0
    if os.path.exists(aside):
        os.rename(aside, app.storage)
    app.start()
    assert "Kept" in active(app) or take_away is delete
    assert answer(app, alert("web", "hold", "Again")).status == 200


def scribble(file):
    """Over the pages behind the first one."""
    with open(file, "r+b") as out:
        out.seek(4096)
        out.write(b"scribble" * 2048)


def cut_off(file):
    os.truncate(file, 4096 + 100)


def replace(file):
    with open(file, "wb") as out:
        out.write(b"This is no database. " * 1000)


@pytest.mark.parametrize("damage", (scribble, cut_off, replace))
def test_a_damaged_file(damage, start_alertscaler):
    app = start_alertscaler(CONFIG)
    app.post(notification(alert("web", "hold", "Before")))
    assert app.terminate() == 0
    file = f"{app.storage}/alertscaler.db"
    damage(file)
    with open(file, "rb") as damaged:
        before = damaged.read()
    said = app.start_refused()
    assert f"{file} is damaged" in said and "Move it" in said, said
    with open(file, "rb") as damaged:
        assert damaged.read() == before, "nothing was changed"
    for name in ("", "-wal", "-shm"):  # as it says
        with contextlib.suppress(FileNotFoundError):
            os.rename(file + name, f"{file}{name}.damaged")
    app.start()
    assert active(app) == set() and answer(app, alert("web", "hold", "After")).status == 200
