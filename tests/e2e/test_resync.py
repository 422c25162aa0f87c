"""What Alertmanager knows counts, whatever became of its notifications: with real Alertmanagers and a real Prometheus."""

from rig import certificates, eventually
from rig.alertmanager import config as alertmanager_config, silent_config
from rig.notifications import alert, fingerprint, notification, timestamp
from rig.prometheus import config as prometheus_config
from rig.settings import simulated_target, settings

SUCCESS = "alertscaler_resync_last_success_timestamp_seconds"
FAILURES = "alertscaler_resync_failures_total"


def asking(*alertmanagers, targets=None, http_config=None, interval="500ms", **top):
    """A configuration that asks these Alertmanagers, twice a second."""
    urls = [each if isinstance(each, str) else each.url for each in alertmanagers]
    return settings(*(targets or [simulated_target(max=1000, up={"cooldown": "100ms"})]), **top, alertmanager={
        "url": urls[0] if len(urls) == 1 else urls, "resync_interval": interval,
        **({"http_config": http_config} if http_config else {})})


def labels_of(name, action="up", target="web"):
    return {"alertname": name, "scale_target": target, "scale_action": action}


def fires(name, action="up", starts_at=None, **annotations):
    """What Prometheus posts to Alertmanager, for an hour."""
    return {"labels": labels_of(name, action), "annotations": annotations, "startsAt": starts_at or timestamp(60),
            "endsAt": timestamp(-3600)}


def ends(name, action="up"):
    return {"labels": labels_of(name, action), "startsAt": timestamp(60), "endsAt": timestamp(1)}


def active(app):
    return sorted(each["labels"]["alertname"] for each in app.get("/api/v1/alerts"))


def expect_active(app, *names):
    eventually(lambda: active(app) == sorted(names), 15, f"the active alerts are {sorted(names)}")


def resyncs(app, *alertmanagers, times=2):
    """Lets so many rounds pass that began and ended from now on, with each of these Alertmanagers."""
    for alertmanager in alertmanagers:
        for _ in range(times):
            before = app.metric(SUCCESS, alertmanager=alertmanager.url)
            eventually(lambda: app.metric(SUCCESS, alertmanager=alertmanager.url) > before, 15, "another resync")


def expect_ready(app, what, check):
    """The text of /-/ready passes that check: it follows the resync a moment later."""

    def ready():
        answer = app.request("/-/ready")
        assert answer.status == 200 and check(answer.text), f"{answer.status} {answer.text}"
        return True

    eventually(ready, 10, f"ready, {what}")


def test_what_was_missed_while_it_was_down(start_alertmanager, start_alertscaler):
    """The alert that resolved makes no step after the start, the one that fired is there, before the first decision."""
    alertmanager = start_alertmanager(silent_config())
    alertmanager.post(fires("Stays", "hold"), fires("Resolves"))
    app = start_alertscaler(asking(alertmanager))
    expect_active(app, "Resolves", "Stays")
    assert {each["source"] for each in app.get("/api/v1/alerts")} == {"resync"}
    eventually(lambda: app.steps("web"), 15, "the alert makes a step")
    app.terminate()
    alertmanager.post(ends("Resolves"), fires("Fires", "hold"))
    eventually(lambda: len(alertmanager.alerts()) == 2, 10, "Alertmanager has the end")
    app.start()
    expect_active(app, "Fires", "Stays")
    before = app.history("web")
    resyncs(app, alertmanager)
    assert app.history("web") == before
    # Whole seconds are told without a fraction, and "Z" comes after ".".
    stopped_at = max(entry["time"].rstrip("Z") for entry in before)
    started = app.get("/api/v1/status")["start_time"].rstrip("Z")
    assert stopped_at < started, "a step after the start, for an alert that had ended"


def test_a_silence_stops_the_scaling_and_its_end_lets_it_go_on(start_alertmanager, start_alertscaler):
    alertmanager = start_alertmanager(silent_config())
    app = start_alertscaler(asking(alertmanager))
    hook = alertmanager_config(f"{app.url}/webhook", group_interval="1s")
    alertmanager.reload(hook)
    alertmanager.post(fires("Busy"))
    eventually(lambda: len(app.steps("web")) >= 3, 15, "it scales")
    eventually(lambda: app.get("/api/v1/alerts")[0]["source"] == "alertmanager", 15, "a notification came")
    silence = alertmanager.silence(alertname="Busy")
    expect_active(app)
    resyncs(app, alertmanager)  # a notification that was under way brings it back for a moment
    expect_active(app)
    eventually(lambda: app.target("web")["state"] == "idle", 5, "the last step ends")
    before = app.history("web")
    resyncs(app, alertmanager, times=3)
    assert app.history("web") == before
    eventually(lambda: app.target("web")["decision"]["reason"] == "no_intent", 10, "nothing is wanted")
    alertmanager.unsilence(silence)
    eventually(lambda: len(app.history("web")) > len(before), 15, "it goes on")
    assert active(app) == ["Busy"]


def test_an_end_by_silence_is_an_end_for_on_resolve(start_alertmanager, start_alertscaler):
    alertmanager = start_alertmanager(silent_config())
    target = simulated_target(replicas=4)
    app = start_alertscaler(asking(alertmanager, targets=[target]))
    alertmanager.post(fires("Maintenance", "drain"))
    eventually(lambda: app.target("web")["observed"] == 0, 15, "it is drained")
    alertmanager.silence(alertname="Maintenance")
    eventually(lambda: app.target("web")["observed"] == 4, 15, "it is back")


def test_an_inhibited_alert_does_not_count(start_alertmanager, start_alertscaler):
    alertmanager = start_alertmanager(silent_config(
        "inhibit_rules: [{source_matchers: ['alertname=\"Trouble\"'], target_matchers: ['alertname=\"Busy\"']}]\n"))
    app = start_alertscaler(asking(alertmanager))
    alertmanager.post(fires("Busy", "hold"))
    expect_active(app, "Busy")
    alertmanager.post({**fires("Trouble"), "labels": {"alertname": "Trouble"}})
    expect_active(app)
    alertmanager.post({**ends("Trouble"), "labels": {"alertname": "Trouble"}})
    expect_active(app, "Busy")


def test_what_did_not_come_from_alertmanager_is_left_alone(start_alertmanager, start_alertscaler):
    """And a notification that comes again brings back at once what a resync ended."""
    alertmanager = start_alertmanager(silent_config())
    app = start_alertscaler(asking(alertmanager))
    by_hand = {**notification(alert("web", "hold", "ByHand")), "groupKey": ""}
    delivered = notification(alert("web", "hold", "Delivered", starts_at=timestamp(60)))
    app.post(by_hand)
    app.post(delivered)
    expect_active(app, "ByHand")
    (again,) = app.post(delivered)
    assert again["result"] == "accepted", again
    expect_active(app, "ByHand")
    resyncs(app, alertmanager)
    assert active(app) == ["ByHand"]


def test_one_of_a_clustered_pair_is_killed(start_alertmanager, start_alertscaler):
    one = start_alertmanager(silent_config(), name="one", cluster=True)
    other = start_alertmanager(silent_config(), name="other", cluster=one)
    eventually(lambda: one.peers() == other.peers() == 2, 20, "they are a cluster")
    app = start_alertscaler(asking(one, other, targets=[simulated_target(replicas=2)]))
    for each in (one, other):  # as Prometheus does
        each.post(fires("Wanted", "to", scale_replicas="5"))
    eventually(lambda: app.target("web")["observed"] == 5, 15, "it scales")
    steps = app.steps("web")
    one.kill()
    eventually(lambda: app.metric(FAILURES, alertmanager=one.url) >= 2, 15, "it is missed")
    resyncs(app, other)
    assert active(app) == ["Wanted"]
    assert app.steps("web") == steps
    expect_ready(app, "and one is missed", lambda text: one.url in text and other.url not in text)
    # The one that is left cannot say that an alert has ended, for the other one may have it; it can say what is new.
    other.post(ends("Wanted", "to"), fires("More", "to", scale_replicas="7"))
    eventually(lambda: app.target("web")["observed"] == 7, 15, "it follows the one that is left")
    assert active(app) == ["More", "Wanted"]

    one.start()  # with nothing in its memory
    resyncs(app, one, other)
    assert "More" in active(app)
    expect_ready(app, "and none is missed", lambda text: "resync" not in text)
    assert app.target("web")["observed"] == 7


def test_an_alertmanager_that_comes_back_with_nothing(start_alertmanager, start_alertscaler):
    """Prometheus tells it again within minutes: until then it ends nothing but what it has known since."""
    alertmanager = start_alertmanager(silent_config())
    app = start_alertscaler(asking(alertmanager, targets=[simulated_target(replicas=2, on_resolve="restore")]))
    alertmanager.post(fires("Wanted", "to", scale_replicas="5"))
    eventually(lambda: app.target("web")["observed"] == 5, 15, "it scales")
    steps = app.steps("web")
    alertmanager.kill()
    eventually(lambda: app.metric(FAILURES, alertmanager=alertmanager.url) > 0, 15, "it is missed")
    alertmanager.start()
    assert alertmanager.alerts() == []
    resyncs(app, alertmanager)
    assert active(app) == ["Wanted"]
    assert app.steps("web") == steps
    alertmanager.post(fires("Since", "hold"))
    expect_active(app, "Since", "Wanted")
    alertmanager.post(ends("Since", "hold"))
    expect_active(app, "Wanted")
    alertmanager.post(fires("Wanted", "to", scale_replicas="5"))
    resyncs(app, alertmanager)
    alertmanager.post(ends("Wanted", "to"))
    expect_active(app)


def test_nothing_to_ask_at_the_start(start_alertmanager, start_alertscaler):
    alertmanager = start_alertmanager(silent_config())
    alertmanager.kill()
    app = start_alertscaler(asking(alertmanager))
    expect_ready(app, "and it is missed", lambda text: "nobody listens there" in text)
    app.post(notification(alert("web", "hold", "Delivered")))
    eventually(lambda: app.metric(FAILURES, alertmanager=alertmanager.url) >= 2, 15, "it tries again")
    assert app.metric(SUCCESS, alertmanager=alertmanager.url) == 0
    assert active(app) == ["Delivered"]
    assert app.process.log().count("event=resync.failed") == 1
    alertmanager.start()
    resyncs(app, alertmanager, times=1)
    app.process.wait_for_log("event=resync.recovered", 10)
    expect_ready(app, "and nothing else", lambda text: text == "alertscaler is ready.\n")
    assert app.process.log().count("event=resync.recovered") == 1


VALUE_RULES = """
groups:
- name: wanted
  rules:
  - alert: Wanted
    expr: wanted
    labels: {scale_action: to, scale_target: web}
    annotations: {scale_replicas: '{{ $value }}'}
"""


def test_the_count_follows_a_metric_while_the_alert_keeps_firing(
        start_alertmanager, start_prometheus, start_alertscaler, metrics_source):
    """Alertmanager sends no notification for a changed value, and here it sends none at all."""
    load = metrics_source(wanted=3)
    alertmanager = start_alertmanager(silent_config())
    prometheus = start_prometheus(prometheus_config({"load": load.address}, alertmanager.address),
                                  rules={"wanted.rules.yml": VALUE_RULES},
                                  options=["--rules.alert.resend-delay=1s"])
    app = start_alertscaler(asking(alertmanager, targets=[simulated_target(max=50)]))

    def count_is(replicas):
        eventually(lambda: app.target("web")["observed"] == replicas, 20, f"{replicas} replicas")

    def annotation_is(text):
        """Alertmanager has it, and has been asked since."""
        def there():
            told = alertmanager.alerts()
            return told and told[0]["annotations"].get("scale_replicas") == text

        eventually(there, 20, f"Alertmanager has the value {text}")
        resyncs(app, alertmanager)

    count_is(3)
    (episode,) = {each["startsAt"] for each in app.get("/api/v1/alerts")}
    load.set(wanted="5.2")  # rounded up
    count_is(6)
    load.set(wanted="NaN")  # no number: what was asked for last goes on
    annotation_is("NaN")
    count_is(6)
    load.set(wanted="-2")
    annotation_is("-2")
    load.set(wanted="+Inf")
    annotation_is("+Inf")
    count_is(6)
    assert [entry["to"] for entry in app.history("web")] == [3, 6]
    load.set(wanted="1e3")  # never above the maximum
    count_is(50)
    load.set(wanted="1.795e+01")
    count_is(18)
    assert {each["startsAt"] for each in app.get("/api/v1/alerts")} == {episode}
    assert prometheus.firing() == ["Wanted"]
    assert [entry["to"] for entry in app.history("web")] == [3, 6, 50, 18]
    assert app.process.log().count("event=alert.ignored") == 1, "once an episode"


def test_a_number_as_go_prints_it(start_alertmanager, start_alertscaler):
    alertmanager = start_alertmanager(silent_config())
    alertmanager.post(fires("Wanted", "to", scale_replicas="1e3"))
    app = start_alertscaler(asking(alertmanager, targets=[simulated_target(max=2000)]))
    eventually(lambda: app.target("web")["observed"] == 1000, 15, "1e3 is a thousand")


# Of the password hunter2.
WEB_CONFIG = """
tls_server_config: {{cert_file: {directory}/server-cert.pem, key_file: {directory}/server-key.pem}}
basic_auth_users: {{alertscaler: "{hash}"}}
"""
HASH = "$2b$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8."


def test_an_alertmanager_with_tls_and_a_password(scratch, start_alertmanager, start_alertscaler):
    directory = certificates.make(scratch.directory("certificates"), name="alertmanager.test")
    alertmanager = start_alertmanager(silent_config(), web=WEB_CONFIG.format(directory=directory, hash=HASH))
    password = scratch.file("password", text="wrong\n")
    app = start_alertscaler(asking(alertmanager, http_config={
        "basic_auth": {"username": "alertscaler", "password_file": password},
        "tls_config": {"ca_file": f"{directory}/ca.pem", "server_name": "alertmanager.test"}}))
    expect_ready(app, "but refused", lambda text: "authorization or basic_auth" in text)
    app.post(notification(alert("web", "hold", "Delivered")))
    with open(password, "w", encoding="utf-8") as out:  # read again each time
        out.write("hunter2\n")
    expect_active(app)
    for secret in ("hunter2", "wrong"):
        assert secret not in app.process.log()
        assert secret not in app.request("/api/v1/status").text

    untrusted = start_alertscaler(asking(alertmanager, http_config={
        "basic_auth": {"username": "alertscaler", "password_file": password},
        "tls_config": {"ca_file": f"{directory}/ca.pem", "server_name": "somebody.else"}}), name="untrusted")
    expect_ready(untrusted, "but trusts nobody", lambda text: "certificate is not trusted" in text)
    careless = start_alertscaler(asking(alertmanager, http_config={
        "basic_auth": {"username": "alertscaler", "password_file": password},
        "tls_config": {"insecure_skip_verify": True}}), name="careless")
    resyncs(careless, alertmanager, times=1)


def test_the_first_round_comes_before_the_first_decision(start_alertmanager, start_alertscaler):
    """With an hour between the rounds only the one at the start can have done it."""
    alertmanager = start_alertmanager(silent_config())
    alertmanager.post(fires("Busy"))
    app = start_alertscaler(asking(alertmanager, interval="1h", targets=[simulated_target(repeat="once")]))
    eventually(lambda: len(app.steps("web")) == 1, 15, "it makes its one step")
    app.terminate()
    alertmanager.post(ends("Busy"), fires("Other"))
    app.start()
    (told,) = app.get("/api/v1/alerts")
    assert told["labels"]["alertname"] == "Other"
    assert told["fingerprint"] == fingerprint(labels_of("Other"))


def test_a_reload_turns_it_on_at_once(start_alertmanager, start_alertscaler):
    alertmanager = start_alertmanager(silent_config())
    alertmanager.post(fires("Missed", "hold"))
    app = start_alertscaler(settings(simulated_target()))
    assert active(app) == []
    app.configure(asking(alertmanager, interval="1h"))
    assert app.request("/-/reload", "POST", "").status == 200
    expect_active(app, "Missed")
