"""rules/alertscaler.yml in a real Prometheus, with the shipped alertmanager.yml: each alert fires for its real cause.

Only the waits are shortened. What fires after hours, and what a simulated fleet cannot do (fail, resist a drain), is in the
promtool tests.
"""

import re

import pytest

import rule_files
from rig import eventually, prometheus
from rig.notifications import alert, notification
from rig.settings import settings, simulated_target

WAITS = [(r"interval: \d+s", "interval: 1s"), (r"for: \w+", "for: 0s"), (r"10m", "10s"), (r"> 300", "> 5")]
PACE = [("group_wait: 5s", "group_wait: 0s"), ("group_interval: 30s", "group_interval: 2s"),
        ("repeat_interval: 25s", "repeat_interval: 1s"), ("http://alertscaler:9095", "{app}"),
        ("/etc/alertmanager/alertscaler.token", "{token}")]
GROWING = {"startup_delay": "1s", "replicas": 1, "min": 1, "max": 8, "down": {"cooldown": "1s"}}


def shortened():
    text = rule_files.read("alertscaler.yml")
    for what, by in WAITS:
        text = re.sub(what, by, text)
    return text


class Loop:
    def __init__(self, scratch, start_alertscaler, start_alertmanager, start_prometheus):
        self.targets = [simulated_target("web", replicas=2, max=2), simulated_target("rehearsed", dry_run=True),
                        simulated_target("slow", startup_delay="1h", timeout="1s"),
                        simulated_target("restless", **GROWING), simulated_target("still"),
                        {"name": "gone", "docker_compose": {"project": "gone", "service": "web"}}]
        self.docker = {"host": f"unix://{scratch.file('no.sock')}"}
        self.app = start_alertscaler(self.config(), ready=False)  # never quite: one target is not there
        with open(rule_files.ALERTMANAGER, encoding="utf-8") as shipped:
            text = shipped.read()
        for what, by in PACE:
            assert what in text, what
            text = text.replace(what, by.format(app=self.app.url, token=scratch.file("token", text="not checked here\n")))
        self.alertmanager = start_alertmanager(text)
        self.app.configure(self.config())
        assert self.app.request("/-/reload", "POST").status == 200
        self.prometheus = start_prometheus(
            prometheus.config({"alertscaler": self.app.address}, self.alertmanager.address),
            {"alertscaler.rules.yml": shortened()}, options=["--rules.alert.resend-delay=1s"])

    def config(self):
        top = {"docker": self.docker}
        if hasattr(self, "alertmanager"):
            top["alertmanager"] = {"url": self.alertmanager.url, "resync_interval": "1s"}
        return settings(*self.targets, **top)

    def firing(self):
        """(alert, target) of everything that fires."""
        return {(each["labels"]["alertname"], each["labels"].get("target"))
                for each in self.prometheus.alerts() if each["state"] == "firing"}

    def wait_firing(self, *wanted, seconds=90):
        missing = set(wanted)  # some fire for no longer than their cause, and not all at the same time

        def all_fired():
            missing.difference_update(self.firing())
            assert not missing, f"not yet: {missing}"
            return True

        eventually(all_fired, seconds, f"{wanted} fire")


def by_hand(*alerts):
    """A notification that is of no Alertmanager, so that the resync does not end what that one does not know."""
    return {key: value for key, value in notification(*alerts).items() if key != "groupKey"}


@pytest.fixture
def loop(scratch, start_alertscaler, start_alertmanager, start_prometheus):
    return Loop(scratch, start_alertscaler, start_alertmanager, start_prometheus)


def test_each_alert_fires_for_its_cause(loop):
    app = loop.app
    # All is well but for the engine that is not there and the dry run: the heartbeat arrives, and is used for nothing.
    eventually(lambda: (app.metric("alertscaler_notifications_total", code="200") or 0) >= 8, 40,
               "heartbeats arrive")
    assert app.get("/api/v1/alerts") == []

    def nothing_else():
        assert loop.firing() == {("AlertscalerHeartbeat", None), ("AlertscalerBlocked", "gone"),
                                 ("AlertscalerDryRunForgotten", "rehearsed")}, loop.firing()
        return True

    eventually(nothing_else, 20, "nothing else fires")

    # What goes wrong with targets.
    app.post(by_hand(*(alert(name, "up") for name in ("web", "rehearsed", "restless", "gone")),
                          alert("slow", "to", "Three", annotations={"scale_replicas": "3"})))
    app.request("/api/v1/targets/still/pause", "POST", {})
    loop.wait_firing(("AlertscalerPausedLong", "still"), ("AlertscalerAtMax", "web"))
    eventually(lambda: app.target("restless")["observed"] == 8, 40, "it has grown step by step")
    assert ("AlertscalerActionsFailing", "slow") not in loop.firing(), "once is nothing yet"
    app.post(by_hand(alert("slow", "to", "Four", annotations={"scale_replicas": "4"}),
                          alert("restless", "up", ends_at="2020-01-01T00:00:00Z"), alert("restless", "down")))
    loop.wait_firing(("AlertscalerActionsFailing", "slow"), ("AlertscalerFlapping", "restless"))

    # What goes wrong around it.
    def refused():  # again and again: one refusal alone is forgotten after a while
        assert app.request("/webhook", "POST", "no JSON").status == 400
        return ("AlertscalerNotificationsRefused", None) in loop.firing()

    eventually(refused, 90, "AlertscalerNotificationsRefused fires")
    app.configure("targets: [")
    assert app.request("/-/reload", "POST").status != 200
    loop.wait_firing(("AlertscalerReloadFailed", None))
    loop.alertmanager.kill()
    loop.wait_firing(("AlertscalerNoHeartbeat", None), ("AlertscalerResyncFailing", None))
    app.kill()
    loop.wait_firing(("AlertscalerDown", None))
