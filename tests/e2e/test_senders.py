"""Every sender but Alertmanager: Prometheus straight at us, and what Grafana posts."""

import glob
import hashlib
import hmac
import json
import os
import time

import pytest

from rig import eventually, prometheus
from rig.fleet import Fleet
from rig.notifications import alert, notification, timestamp
from rig.settings import settings, simulated_target

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
  - alert: JobsWaiting
    expr: jobs > 0
    labels: {scale_target: workers, scale_action: to}
    annotations: {scale_replicas: '{{ $value }}'}
  - alert: PricesUnknown
    expr: jobs > 0
    labels: {severity: page}
"""
PAYLOADS = os.path.join(os.path.dirname(__file__), "..", "..", "alertmanager", "payloads")
SECONDS = 30
# Prometheus says that an alert ends 4 s after each post.
QUICK = ["--rules.alert.resend-delay=1s"]


@pytest.fixture
def direct(start_alertscaler, metrics_source, start_prometheus):
    """Prometheus with our program as its only Alertmanager, and a load that the test sets."""
    app = start_alertscaler(settings(
        simulated_target(replicas=2, max=4, up={"cooldown": "500ms"}, down={"cooldown": "500ms"}),
        simulated_target("workers", replicas=1, min=0, max=8)))
    source = metrics_source(load=5, jobs=0)
    config = prometheus.config({"load": source.address}, app.address)
    prom = start_prometheus(config, {"load.rules.yml": RULES}, options=QUICK)
    fleet = Fleet(None, None, app, "web")
    fleet.source, fleet.prometheus = source, prom
    return fleet


def observed(app, target):
    return app.target(target)["observed"]


def active(app):
    return sorted(each["labels"]["alertname"] for each in app.get("/api/v1/alerts"))


def received(app, result):
    return app.metric("alertscaler_alerts_received_total", result=result) or 0


def test_prometheus_without_an_alertmanager(direct):
    app = direct.app
    direct.source.set(load=20, jobs=3)
    eventually(lambda: observed(app, "web") == 4, SECONDS, "the load is high: web is at its maximum")
    eventually(lambda: observed(app, "workers") == 3, SECONDS, "there are as many workers as jobs")
    eventually(lambda: active(app) == ["HighLoad", "JobsWaiting"], SECONDS, "both alerts fire")
    assert {each["source"] for each in app.get("/api/v1/alerts")} == {"prometheus"}
    assert direct.steps() == [("up", 2, 3, "done"), ("up", 3, 4, "done")]

    # The alert goes on firing, with another value.
    for jobs, workers in ((6, 6), (2.2, 3), (50, 8)):
        direct.source.set(jobs=jobs)
        eventually(lambda wanted=workers: observed(app, "workers") == wanted, SECONDS, f"{workers} for {jobs} jobs")
    assert {entry["cause"]["alertname"] for entry in app.history("workers")} == {"JobsWaiting"}

    # What resolves is over at once, and is posted again for a quarter of an hour without any effect.
    direct.source.set(load=1, jobs=0)
    eventually(lambda: active(app) == ["LowLoad"], SECONDS, "the load is low")
    eventually(lambda: observed(app, "web") == 1, SECONDS, "web is at its minimum")
    duplicates = received(app, "duplicate")
    eventually(lambda: received(app, "duplicate") >= duplicates + 6, SECONDS, "resolves are posted again")
    eventually(lambda: active(app) == ["LowLoad"], SECONDS, "the load is low")
    assert observed(app, "workers") == 8  # nobody asked for fewer

    eventually(lambda: app.metric("alertscaler_notifications_total") > 10, SECONDS, "it goes on posting")
    counts = {labels: value for (name, labels), value in app.metrics().items()
              if name == "alertscaler_notifications_total" and value}
    assert [dict(labels) for labels in counts] == [{"code": "200", "source": "prometheus"}], counts
    assert received(app, "ignored") > 0  # PricesUnknown is none of ours
    dropped = direct.prometheus.query("prometheus_notifications_dropped_total + prometheus_notifications_errors_total")
    assert all(value == 0 for _, value in dropped), dropped
    app.check_journal()


def test_the_alerts_of_a_prometheus_that_is_killed_end(direct):
    app = direct.app
    direct.source.set(load=20)
    eventually(lambda: observed(app, "web") == 4, SECONDS, "the load is high: web is at its maximum")
    direct.wait_for_decision("none", "at_max")
    direct.prometheus.process.kill()
    eventually(lambda: active(app) == [], 10, "the alert has ended by its endsAt")
    direct.wait_for_decision("none", "no_intent")
    assert observed(app, "web") == 4


def test_alerts_that_ended_while_we_were_away_do_nothing(direct):
    app = direct.app
    direct.source.set(load=20)
    eventually(lambda: active(app) == ["HighLoad"], SECONDS, "the load is high")
    app.kill()
    direct.prometheus.process.kill()
    ended = timestamp(-5)  # the last post was no later than the kill
    eventually(lambda: timestamp() > ended, 10, "its end is past")
    app.start()
    assert active(app) == []
    before = app.history("web")
    direct.wait_for_decision("none", "no_intent")
    assert [entry["id"] for entry in app.history("web")][:len(before)] == [entry["id"] for entry in before]


def test_an_alert_that_prometheus_and_alertmanager_both_send_is_one(direct):
    app = direct.app
    direct.source.set(load=1)
    eventually(lambda: active(app) == ["LowLoad"], SECONDS, "the load is low")
    (known,) = app.get("/api/v1/alerts")
    same = alert("web", "down", name="LowLoad", starts_at=known["startsAt"], instance=known["labels"]["instance"],
                 job=known["labels"]["job"])
    assert same["fingerprint"] == known["fingerprint"]
    (line,) = app.post(notification(same))
    assert line["result"] == "duplicate"
    (known,) = app.get("/api/v1/alerts")
    assert (known["source"], known["endsAt"]) == ("alertmanager", None)

    # Prometheus is gone; Alertmanager, which still asserts it, has the word.
    direct.prometheus.process.kill()
    (line,) = app.post(notification({**same, "status": "resolved", "endsAt": alert("", "")["startsAt"]}))
    assert line["result"] == "accepted"
    assert active(app) == []


# --- Grafana ---

def grafana(action, name="HighLoad", **more):
    """What Grafana posts of one alert, as text."""
    one = {**alert("web", action, name=name, annotations=more.pop("annotations", None)), "values": {"B": 22.5, "C": 1},
           "valueString": "[ var='B' value=22.5 ]", "ruleUID": "abc", "orgId": 1, **more}
    return json.dumps({**notification(one), "version": "1", "orgId": 1, "state": "alerting", "title": "x"})


def test_what_grafana_does_not_know_scales_nothing_down(start_alertscaler):
    app = start_alertscaler(settings(simulated_target(replicas=2, max=4, on_resolve="restore")))
    fleet = Fleet(None, None, app, "web")

    def post(text, method="POST"):
        answer = app.request("/webhook", method, text)
        assert answer.status == 200, answer.text
        (line,) = answer.json()["data"]["alerts"]
        return line

    assert post(grafana("up"))["result"] == "accepted"
    eventually(lambda: observed(app, "web") == 4, SECONDS, "web is at its maximum")
    fleet.wait_for_decision("none", "at_max")
    (known,) = app.get("/api/v1/alerts")
    assert (known["source"], known["annotations"]["__values__"]) == ("grafana", '{"B":22.5,"C":1}')

    # The series is gone: neither now nor after a restart is that a reason to go back to 2.
    missing = {"status": "resolved", "endsAt": alert("", "")["startsAt"],
               "annotations": {"grafana_state_reason": "MissingSeries"}}
    assert post(grafana("up", **missing))["result"] == "accepted"
    app.kill()
    app.start()
    fleet.wait_for_decision("none", "no_intent")
    assert observed(app, "web") == 4

    # No data, of a rule that asks for less: a hold.
    assert post(grafana("down", "DatasourceNoData", labels={
        "alertname": "DatasourceNoData", "rulename": "LowLoad", "scale_target": "web", "scale_action": "down"}),
                "PUT")["action"] == "hold"
    assert post(grafana("down", "LowLoad"))["result"] == "accepted"
    fleet.wait_for_decision("none", "on_hold")
    assert fleet.steps() == [("up", 2, 3, "done"), ("up", 3, 4, "done")]
    assert app.metric("alertscaler_notifications_total", source="grafana", code="200") == 2  # since the restart


def test_grafana_signs(scratch, start_alertscaler):
    scratch.file("web", "tokens", text="token\n")
    scratch.file("web", "secret", text="first-secret\n")
    web = scratch.file("web", "web.yml", text="bearer_token_file: tokens\ngrafana_hmac_secret_file: secret\n")
    app = start_alertscaler(settings(simulated_target(replicas=2)), options=[f"--web.config.file={web}"])
    body = grafana("up")

    def post(text=body, secret=None, ago=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        signed = text
        if ago is not None:
            headers["X-Grafana-Alerting-Signature-Timestamp"] = stamp = str(int(time.time() - ago))
            signed = f"{stamp}:{text}"
        if secret:
            headers["X-Grafana-Alerting-Signature"] = hmac.new(secret.encode(), signed.encode(),
                                                               hashlib.sha256).hexdigest()
        return app.request("/webhook", "POST", text, headers)

    bearer = {"Authorization": "Bearer token"}
    assert post(secret="first-secret").status == 200
    assert post(secret="first-secret", ago=0).status == 200
    for wrong in (post(), post(**bearer), post(secret="secret"), post(secret="secret", **bearer),
                  post(secret="first-secret", ago=600), post(secret="first-secret", ago=-600),
                  post(secret="first-secret", ago=600, **bearer)):
        assert wrong.status == 401, wrong
        assert "first-secret" not in wrong.text
    alertmanagers = json.dumps(notification(alert("web", "up")))
    assert post(alertmanagers, **bearer).status == 200
    assert post(alertmanagers).status == 401
    # The secret is changed without a restart.
    scratch.file("web", "secret", text="first-secret\nsecond-secret\n")
    eventually(lambda: post(secret="second-secret").status == 200, 10, "the new secret works")
    assert post(secret="first-secret").status == 200
    with open(app.log_path, encoding="utf-8") as log:
        text = log.read()
    assert "-secret" not in text and "request.unauthorized" in text


def test_every_sample_payload_is_taken(start_alertscaler):
    app = start_alertscaler(settings(simulated_target(replicas=2)))
    files = sorted(glob.glob(os.path.join(PAYLOADS, "*.json")))
    assert len(files) > 10
    for file in files:
        with open(file, encoding="utf-8") as payload:
            text = payload.read()
        pushed = os.path.basename(file).startswith("push-")
        answer = app.request("/api/v2/alerts" if pushed else "/webhook", "POST", text)
        assert answer.status == 200, (file, answer)
        if pushed:
            assert answer.text == "", file
        elif "mixed" not in file:
            assert {line["result"] for line in answer.json()["data"]["alerts"]} <= {"accepted", "duplicate"}, file
    ignored = received(app, "ignored")
    assert ignored == 2, ignored  # of mixed.json
