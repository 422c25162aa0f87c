"""Alertmanager's notifications (version 4), as the tests post them by hand."""

import datetime

_NEVER = "0001-01-01T00:00:00Z"


def timestamp(seconds_ago=0.0):
    """RFC 3339, in UTC."""
    time = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds_ago)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fingerprint(labels):
    """What Prometheus computes for these labels."""
    value = 0xCBF29CE484222325
    for name in sorted(labels):
        for byte in name.encode() + b"\xff" + labels[name].encode() + b"\xff":
            value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def alert(target, action, name=None, starts_at=None, ends_at=None, annotations=None, **labels):
    """One alert for a target; it is resolved if it has an `ends_at`."""
    labels = {"alertname": name or f"{target}-{action}", "scale_target": target, "scale_action": action, **labels}
    return {"status": "resolved" if ends_at else "firing", "labels": labels, "annotations": annotations or {},
            "startsAt": starts_at or timestamp(), "endsAt": ends_at or _NEVER,
            "generatorURL": "", "fingerprint": fingerprint(labels)}


def notification(*alerts, sender="http://alertmanager:9093"):
    """The body that carries these alerts; another sender stands for another Alertmanager of a cluster."""
    names = sorted({each["labels"]["alertname"] for each in alerts})
    firing = any(each["status"] == "firing" for each in alerts)
    return {"version": "4", "groupKey": f"{{}}:{{alertname=\"{','.join(names)}\"}}", "truncatedAlerts": 0,
            "status": "firing" if firing else "resolved", "receiver": "alertscaler", "groupLabels": {},
            "commonLabels": {}, "commonAnnotations": {}, "externalURL": sender, "alerts": list(alerts)}
