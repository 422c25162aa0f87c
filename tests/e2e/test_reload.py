"""The configuration read again while everything runs: all of it or nothing, and nobody notices but those it is about."""

import http.client
import json
import os
import signal
import threading

import pytest

from rig.alertscaler import sanitized
from rig.eventually import eventually
from rig.notifications import alert, fingerprint, notification
from rig.settings import settings, simulated_target

RELOADS = 200
SENDERS = 3


@pytest.fixture
def app(start_alertscaler):
    return start_alertscaler(settings(simulated_target(), simulated_target("db", 1)))


def reload(app, text=None, status=200):
    if text is not None:
        app.configure(text)
    answer = app.request("/-/reload", "POST", "", headers={"Content-Type": ""}, seconds=60)
    assert answer.status == status, f"{answer.status} {answer.text}"
    return answer.text


def wait_for_count(app, replicas, target="web"):
    eventually(lambda: app.target(target)["observed"] == replicas, 10, f"{target} has {replicas} replicas")


def names(app):
    return [target["name"] for target in app.get("/api/v1/targets")]


def test_what_changes_is_in_force_and_what_stays_keeps_its_state(app):
    app.request("/api/v1/targets/web/replicas", "PUT", {"replicas": 4, "pin": "1h"})
    wait_for_count(app, 4)
    app.post(notification(alert("db", "up")))
    wait_for_count(app, 10, "db")
    before = app.history()
    reload(app, settings(simulated_target(max=7), simulated_target("new", 3), max_parallel=2, stale_after="1h"))
    assert names(app) == ["new", "web"]
    wait_for_count(app, 3, "new")
    web = app.target("web")
    assert (web["observed"], web["max"], web["pin"]["replicas"], web["state"]) == (4, 7, 4, "pinned"), web
    assert app.history() == before
    assert app.request("/api/v1/targets/db").status == 404
    assert app.metric("alertscaler_target_replicas", target="db") is None
    assert app.get("/api/v1/alerts") == []  # what is not mapped any more is not active
    status = app.get("/api/v1/status")["config"]
    assert (status["max_parallel"], status["stale_after"], status["targets"]) == (2, "1h", 2), status
    (told,) = app.post(notification(alert("db", "up", "Again")))
    assert told["result"] == "ignored", told
    (told,) = app.post(notification(alert("new", "up")), "?wait=10s")
    assert told["decision"]["outcome"] == "act", told
    reload(app, settings(simulated_target(), simulated_target("db", 1)))
    wait_for_count(app, 10, "db")  # as it was left


def test_a_broken_file_changes_nothing_and_is_told(app):
    broken = "targets:\n  - name: web\n    simulated: {}\n    mix: 3\n  - name: b\n    simulated: {replicas: many}\n"
    told = reload(app, broken, 500)
    assert told.startswith("failed to reload config: "), told
    assert "mix" in told, told
    assert ":6:" in told and ":4:" in told, told  # all of them at once
    assert app.metric("alertscaler_config_last_reload_successful") == 0
    assert len([line for line in app.process.log().splitlines() if "event=config.invalid" in line]) == 2
    assert "event=reload.failed" in app.process.log()
    assert names(app) == ["db", "web"]
    app.post(notification(alert("db", "up")))
    wait_for_count(app, 10, "db")
    app.process.signal(signal.SIGHUP)
    eventually(lambda: app.process.log().count("event=reload.failed") == 2, 10, "SIGHUP reads it again, too")
    app.configure(settings(simulated_target("only")))
    app.process.signal(signal.SIGHUP)
    eventually(lambda: names(app) == ["only"], 10, "it is in force")
    eventually(lambda: app.metric("alertscaler_config_last_reload_successful") == 1, 10, "the metric says so")


def events(app, name):
    return app.process.log().count(f"event={name}")


def test_a_changed_file_is_noticed(start_alertscaler):
    app = start_alertscaler(settings(simulated_target()), options=["--config.auto-reload-interval=100ms"])
    app.configure(settings(simulated_target("only")))
    eventually(lambda: names(app) == ["only"], 10, "it is in force, and nobody asked for it")
    eventually(lambda: events(app, "config.loaded") == 2, 10, "it is told of once more")
    app.configure("targets: []\n")
    eventually(lambda: app.metric("alertscaler_config_last_reload_successful") == 0, 10, "the metric says so")
    assert names(app) == ["only"]
    app.process.signal(signal.SIGHUP)
    eventually(lambda: events(app, "reload.failed") == 2, 10, "one for the file and one for the signal")
    app.configure(settings(simulated_target("other")))
    eventually(lambda: names(app) == ["other"], 10, "it is in force")
    eventually(lambda: app.metric("alertscaler_config_last_reload_successful") == 1, 10, "the metric says so")
    assert events(app, "reload.failed") == 2, "a file that stays invalid is told of once"
    app.configure(settings(simulated_target("asked")))
    reload(app)
    before = events(app, "config.loaded")
    app.configure(settings(simulated_target("last")))
    eventually(lambda: names(app) == ["last"], 10, "it is in force")
    eventually(lambda: events(app, "config.loaded") > before, 10, "it is told of")
    assert events(app, "config.loaded") == before + 1, "what somebody asked for is not read again"


def swap_link(link, place):
    os.symlink(place, f"{link}.new")
    os.replace(f"{link}.new", link)


def test_a_file_behind_a_link_as_kubernetes_mounts_a_config_map(start_alertscaler, scratch):
    mounted = scratch.directory("mounted")
    scratch.file("mounted", "..1", "alertscaler.yml", text=settings(simulated_target("one")))
    scratch.file("mounted", "..2", "alertscaler.yml", text=settings(simulated_target("two")))
    swap_link(f"{mounted}/..data", "..1")
    os.symlink("..data/alertscaler.yml", f"{mounted}/alertscaler.yml")
    app = start_alertscaler("", config_file=f"{mounted}/alertscaler.yml",
                            options=["--config.auto-reload-interval=100ms"])
    assert names(app) == ["one"]
    swap_link(f"{mounted}/..data", "..2")
    eventually(lambda: names(app) == ["two"], 10, "it is in force")


def test_only_this_site_and_programs_may_ask_for_it(app):
    assert app.request("/-/reload", "POST", "", headers={"Origin": "http://evil.example"}).status == 403
    assert app.request("/-/reload").status == 405
    assert app.request("/-/reload", "PUT", "").status == 200


def test_a_web_configuration_that_has_changed_is_told_of(scratch, start_alertscaler):
    scratch.file("web", "token", text="the-token\n")
    web = scratch.file("web", "web.yml", text="bearer_token_file: token\n")
    app = start_alertscaler(settings(simulated_target()), options=[f"--web.config.file={web}"])
    who = {"Authorization": "Bearer the-token"}
    assert (app.request("/-/reload", "POST", "", who).text, app.process.log().count("web_config.changed")) == ("", 0)
    scratch.file("web", "web.yml", text="bearer_token_file: token\nread_only_users: [carol]\n")
    told = app.request("/-/reload", "POST", "", who)
    assert told.status == 200 and "web.yml has changed: its own keys are read at the start only" in told.text, told.text
    assert "alertscaler would not start" in told.text and "some of basic_auth_users, and there are none" in told.text, told.text
    app.process.signal(signal.SIGHUP)
    eventually(lambda: app.process.log().count("event=web_config.changed") == 2, 10, "the log says so")
    assert app.request("/api/v1/targets", headers=who).status == 200, "the old one is in force"
    os.remove(web)
    assert "cannot be read any more" in app.request("/-/reload", "POST", "", who).text


def test_who_looks_at_the_file_looks_at_the_web_configuration_too(scratch, start_alertscaler):
    scratch.file("web", "token", text="the-token\n")
    web = scratch.file("web", "web.yml", text="bearer_token_file: token\n")
    app = start_alertscaler(settings(simulated_target()), options=[f"--web.config.file={web}", "--config.auto-reload-interval=100ms"])
    told = lambda: app.process.log().count("event=web_config.changed")  # noqa: E731
    scratch.file("web", "web.yml", text="bearer_token_file: token\nhttp_server_config: {}\n")
    eventually(lambda: told() == 1, 10, "the log says so")
    app.configure(settings(simulated_target(), simulated_target("db")))
    eventually(lambda: events(app, "config.loaded") == 2, 10, "it has looked again and again")
    assert told() == 1, "once"


def test_the_work_in_flight_of_a_removed_target_gets_its_outcome(app):
    slow = simulated_target("slow", 1, startup_delay="10m", timeout="20m")
    reload(app, settings(simulated_target(), slow))
    app.post(notification(alert("slow", "up")))
    eventually(lambda: app.target("slow")["state"] == "scaling", 10, "it is under way")
    reload(app, settings(simulated_target()))
    (entry,) = app.history("slow")
    assert entry["outcome"] == "interrupted" and "removed from the configuration" in entry["error"], entry
    app.check_journal()
    # The same while the program is away.
    reload(app, settings(simulated_target(), {**slow, "name": "slow2"}))
    app.post(notification(alert("slow2", "up")))
    eventually(lambda: app.target("slow2")["state"] == "scaling", 10, "it is under way")
    app.kill()
    app.configure(settings(simulated_target()))
    app.start()
    (entry,) = app.history("slow2")
    assert entry["outcome"] == "interrupted", entry
    app.check_journal()


def test_a_policy_that_changes_under_an_action_leaves_it_alone(app):
    slow = {"startup_delay": "20s", "up": {"cooldown": "1h"}}
    reload(app, settings(simulated_target(**slow)))
    app.post(notification(alert("web", "up")))
    eventually(lambda: app.target("web")["state"] == "scaling", 10, "it is under way")
    reload(app, settings(simulated_target(**slow, max=5)))
    assert app.target("web")["state"] == "scaling"
    eventually(lambda: app.steps("web") == [("up", 2, 3, "done")], 40, "it comes to its end")
    reload(app, settings(simulated_target(up={"cooldown": "0s"}, max=5)))
    wait_for_count(app, 5)


def test_another_kind_of_target_under_the_same_name(app):
    app.post(notification(alert("web", "up")))
    wait_for_count(app, 10)
    reload(app, settings({"name": "web", "advisory": {}, "initial": 3, "max": 4, "up": {"cooldown": "0s"}}))
    eventually(lambda: app.target("web")["observed"] == 4, 10, "its alert is still active")
    assert app.target("web")["backend"] == "advisory"
    app.check_journal()


class Sender(threading.Thread):
    """Posts alerts over one connection that is kept, and counts what was not answered with 200."""

    def __init__(self, app, number):
        super().__init__()
        self._address = app.address
        self._number = number
        self.stop = threading.Event()
        self.sent = []
        self.failures = []
        self.connections = 0

    def run(self):
        connection = None
        while not self.stop.is_set():
            if connection is None:
                connection = http.client.HTTPConnection(self._address, timeout=30)
                connection.connect()
                self.connections += 1
            one = alert("web", "hold", f"Load{self._number}x{len(self.sent)}")
            try:
                connection.request("POST", "/webhook", json.dumps(notification(one)), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 200 or b'"accepted"' not in text:
                    self.failures.append((answer.status, text))
                if answer.getheader("Connection") == "close":
                    connection = None
            except OSError as error:
                self.failures.append(repr(error))
                connection = None
            self.sent.append(fingerprint(one["labels"]))


def resources(app):
    pid = app.process.pid
    with open(f"/proc/{pid}/status", encoding="ascii") as text:
        fields = dict(line.split(":", 1) for line in text)
    return len(os.listdir(f"/proc/{pid}/fd")), int(fields["Threads"]), int(fields["VmRSS"].split()[0])


def configuration(number):
    """web stays; its bounds change each time, another target comes and goes, and so does the number of workers."""
    extra = [simulated_target(f"extra{number % 3}", 1)] if number % 2 else []
    return settings(simulated_target(max=5 + number % 5), *extra, max_parallel=1 + number % 8)


def test_reloaded_200_times_under_load(app):
    for number in range(10):
        reload(app, configuration(number))
    senders = [Sender(app, number) for number in range(SENDERS)]
    for sender in senders:
        sender.start()
    try:
        eventually(lambda: all(len(sender.sent) > 20 for sender in senders), 30, "alerts arrive")
        for number in range(20):
            reload(app, configuration(number))
        descriptors, threads, _ = resources(app)
        for number in range(RELOADS):
            reload(app, configuration(number))

        def no_more():  # a connection that was closed goes when a thread has looked at it
            after = resources(app)
            assert after[0] <= descriptors + 2 and after[1] <= threads + 8, (descriptors, threads, after)
            return True

        eventually(no_more, 30, "its files and threads are as before")
    finally:
        for sender in senders:
            sender.stop.set()
        for sender in senders:
            sender.join(60)
    assert [sender.failures for sender in senders] == [[]] * SENDERS
    assert [sender.connections for sender in senders] == [1] * SENDERS, "a connection was dropped"
    active = {each["fingerprint"] for each in app.get("/api/v1/alerts")}
    sent = {each for sender in senders for each in sender.sent}
    assert len(sent) > RELOADS and active == sent, f"{len(sent - active)} of {len(sent)} lost"
    app.check_journal()
    assert app.metric("alertscaler_config_last_reload_successful") == 1


def test_reloading_does_not_make_it_grow(app):
    def reload_often(times):
        for number in range(times):
            reload(app, configuration(number))
        return resources(app)

    reload_often(RELOADS)
    before = reload_often(48)
    reload_often(RELOADS)

    def no_more():
        after = resources(app)
        assert after[0] <= before[0] + 1 and after[1] <= before[1] + 1, (before, after)
        return after

    after = eventually(no_more, 30, "its files and threads are as before")
    if not sanitized():
        assert after[2] <= before[2] + 4096, (before, after)  # kB
