"""The main job with nothing simulated: Prometheus finds the load, Alertmanager tells, the containers follow."""

import pytest

from rig import alertmanager, eventually, prometheus
from rig.fleet import Fleet
from rig.settings import compose_target, engine_at, settings

RULES = """
groups:
- name: load
  rules:
  - alert: HighLoad
    expr: load > 10
    labels: {scale_target: web, scale_action: up}
  - alert: LowLoad
    expr: load < 2
    labels: {scale_target: web, scale_action: down}
"""
MIN, MAX = 1, 4


@pytest.fixture
def loop(compose, web_app, project, metrics_source, start_alertscaler, start_alertmanager, start_prometheus):
    """The whole loop, around a project that each generation of Compose starts in turn."""
    shop = project(web_app.compose_file())
    shop.up(compose, scale={"web": MIN})
    shop.wait_healthy("web")
    app = start_alertscaler(settings(
        compose_target(shop.name, min=MIN, max=MAX, up={"cooldown": "1s"}, down={"cooldown": "1s"}),
        docker=engine_at(shop.engine.socket_path)))
    source = metrics_source(load=5)
    # Nothing is repeated within hours: what the alert asks for has to be kept up without being told again.
    am = start_alertmanager(alertmanager.config(f"{app.url}/webhook", group_interval="1s", repeat_interval="4h"))
    prom = start_prometheus(prometheus.config({"load": source.address, "alertscaler": app.address}, am.address),
                            {"load.rules.yml": RULES})
    fleet = Fleet(shop, web_app, app, "web")
    fleet.source, fleet.prometheus, fleet.compose = source, prom, compose
    return fleet


def everything_agrees(loop, count):
    """Engine, Compose, the API, the metrics as Prometheus has scraped them, and the history tell the same count."""
    loop.expect(count, 60)
    assert loop.project.listed(loop.compose, "web") == {replica.id for replica in loop.replicas()}
    assert loop.last_action()["to"] == count
    for name in ("replicas", "ready_replicas", "desired_replicas"):
        wanted = f'alertscaler_target_{name}{{target="web"}}'
        eventually(lambda query=wanted: [value for _, value in loop.prometheus.query(query)] == [count], 10,
                   f"Prometheus has scraped {wanted} {count}")
    done = [(entry["action"], entry["outcome"]) for entry in loop.app.history("web")]
    for action in {action for action, _ in done}:
        told = loop.app.metric("alertscaler_actions_total", target="web", action=action, outcome="done")
        assert told == done.count((action, "done")), (action, told, done)


def received(app, result):
    return app.metric("alertscaler_alerts_received_total", result=result) or 0


def test_replicas_follow_the_load(loop):
    loop.expect(MIN)
    assert loop.steps() == []

    loop.source.set(load=20)
    everything_agrees(loop, MAX)
    assert loop.steps() == [("up", 1, 2, "done"), ("up", 2, 3, "done"), ("up", 3, 4, "done")]
    assert loop.prometheus.firing() == ["HighLoad"]
    at_max = loop.wait_for_decision("none", "at_max")
    assert "HighLoad" in at_max["text"]
    # It was told once; the rest it did because the alert was still standing.
    assert loop.app.metric("alertscaler_notifications_total", source="alertmanager", code="200") == 1
    assert (received(loop.app, "accepted"), received(loop.app, "duplicate")) == (1, 0)

    loop.source.set(load=1)
    everything_agrees(loop, MIN)
    assert loop.steps()[3:] == [("down", 4, 3, "done"), ("down", 3, 2, "done"), ("down", 2, 1, "done")]
    loop.wait_for_decision("none", "at_min")
    assert received(loop.app, "duplicate") == 0
    causes = [entry["cause"]["alertname"] for entry in loop.app.history("web")]
    assert causes == ["HighLoad"] * 3 + ["LowLoad"] * 3

    loop.source.set(load=5)
    eventually(lambda: loop.app.get("/api/v1/alerts") == [], 20, "no alert stands any more")
    loop.wait_for_decision("none", "no_intent")
    loop.app.check_journal()


def test_a_count_and_a_drain_can_be_asked_for(loop):
    loop.scale(3)
    loop.resolve("to")
    assert loop.steps() == [("to", 1, 3, "done")]
    everything_agrees(loop, 3)

    loop.fire("drain")
    loop.wait_for_decision("none", "satisfied", 30)
    assert loop.replicas() == []
    assert loop.app.target("web")["state"] == "drained"
    everything_agrees(loop, 0)

    loop.resolve("drain")
    everything_agrees(loop, 3)
    assert loop.steps()[1:] == [("drain", 3, 0, "done"), ("restore", 0, 3, "done")]
    loop.app.check_journal()
