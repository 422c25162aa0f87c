"""Alerts whose rules cannot be edited: the configuration's routes say what they ask for."""

from rig import eventually
from rig.notifications import fingerprint, notification, timestamp
from rig.settings import settings, simulated_target

ROUTES = [
    {"matchers": ['alertname="NodeDown"', 'severity=~"warning|critical"'], "action": "hold", "target": "jobs"},
    {"matchers": ['{"größe"!="", team="shop"}'], "action": "to", "target_label": "service"},
]


def plain(starts_at=None, annotations=None, **labels):
    return {"status": "firing", "labels": labels, "annotations": annotations or {},
            "startsAt": starts_at or timestamp(), "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "",
            "fingerprint": fingerprint(labels)}


def test_what_the_routes_say_is_done(scratch, start_alertscaler):
    targets = (simulated_target(replicas=2), simulated_target("jobs", replicas=2))
    app = start_alertscaler(settings(*targets, routes=ROUTES))
    became = app.post(notification(
        plain(alertname="NodeDown", severity="critical"),
        plain(alertname="NodeDown", severity="info"),
        plain(alertname="Wanted", team="shop", größe="L", service="web", annotations={"scale_replicas": "5"}),
        plain(alertname="Nowhere", team="shop", größe="L", service="wep"),
        plain(alertname="Own", scale_action="up", scale_target="jobs", größe="M"),
    ))
    told = [(each["alertname"], each["result"], each["target"], each["action"]) for each in became]
    assert told[:3] == [("NodeDown", "accepted", "jobs", "hold"), ("NodeDown", "ignored", None, None),
                        ("Wanted", "accepted", "web", "to")], told
    assert became[3]["result"] == "ignored" and 'did you mean "web"' in became[3]["reason"], became[3]
    assert told[4] == ("Own", "accepted", "jobs", "up")
    eventually(lambda: app.target("web")["observed"] == 5, 20, "web has what its alert wants")
    eventually(lambda: app.target("jobs")["observed"] > 2, 20, "the alert's own labels count without a route")
