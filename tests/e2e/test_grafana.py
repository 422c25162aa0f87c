"""The shipped dashboards: made from one description, and every query answered by a real Prometheus that watched a run."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.parse

import pytest

from rig import http_json
from rig.eventually import eventually
from rig.notifications import alert, notification
from rig.prometheus import config
from rig.settings import engine_at, settings, simulated_target

FOLDER = os.path.normpath(os.path.join(os.path.dirname(__file__), "..", "..", "compose", "grafana"))
NAMES = ("fleet", "target", "alertscaler")
DRIVER = "job:http_requests_per_replica:rate1m"

RULES = f"""groups:
- name: web
  rules:
  - {{record: "{DRIVER}", expr: load}}
  - alert: WebLoadHigh
    expr: load > 5
    labels: {{scale_target: web, scale_action: up}}
"""


def dashboard(name):
    with open(os.path.join(FOLDER, "dashboards", f"{name}.json"), encoding="utf-8") as text:
        return json.load(text)


def queries():
    for name in NAMES:
        for panel in dashboard(name)["panels"]:
            for target in panel.get("targets", []):
                yield name, panel["title"], target["expr"]


def test_the_dashboards_are_what_their_description_makes(tmp_path):
    os.makedirs(tmp_path / "dashboards")
    with open(os.path.join(FOLDER, "generate"), encoding="utf-8") as source:
        (tmp_path / "generate").write_text(source.read())
    subprocess.run([sys.executable, tmp_path / "generate"], check=True)
    assert sorted(os.listdir(os.path.join(FOLDER, "dashboards"))) == sorted(f"{name}.json" for name in NAMES)
    for name in NAMES:
        assert json.loads((tmp_path / "dashboards" / f"{name}.json").read_text()) == dashboard(name), f"run compose/grafana/generate: {name}"


def test_every_panel_says_what_it_shows():
    for name in NAMES:
        made = dashboard(name)
        ids = [panel["id"] for panel in made["panels"]]
        assert len(set(ids)) == len(ids)
        for panel in made["panels"]:
            where = f"{name}: {panel['title']}"
            assert panel["description"].endswith("."), where
            assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24, where
            if panel["type"] == "timeseries":
                assert panel["fieldConfig"]["defaults"]["unit"], where
                assert len(panel["targets"]) == 1 or all(target["legendFormat"] for target in panel["targets"]), where
    with open(os.path.join(FOLDER, "provisioning", "datasources", "datasources.yml"), encoding="utf-8") as text:
        uids = set(re.findall(r"uid: (\w+)", text.read()))
    for _, _, source in ((n, p["title"], t["datasource"]) for n in NAMES for p in dashboard(n)["panels"] for t in p.get("targets", [])):
        assert source["uid"] in uids, source


@pytest.fixture
def watched(start_alertscaler, start_prometheus, start_alertmanager, metrics_source):
    """A Prometheus that has watched a program do all that the dashboards speak of: acting, waiting, failing."""
    manager = start_alertmanager("route: {receiver: none}\nreceivers: [{name: none}]\n")
    web = {**simulated_target(), "up": {"cooldown": "1s"}, "max": 4}
    broken = {"name": "broken", "docker_compose": {"project": "nothing", "service": "there"}}
    app = start_alertscaler(settings(web, simulated_target("db", 3), broken, docker=engine_at("/nowhere/docker.sock"),
                                     alertmanager={"url": manager.url, "resync_interval": "1s"}), ready=False)
    load = metrics_source(load=9)
    prometheus = start_prometheus(config({"alertscaler": app.address, "web": load.address}, manager.address), {"web.rules.yml": RULES})
    app.post(notification(alert("web", "up"), alert("db", "down"), alert("broken", "up")))
    eventually(lambda: app.target("web")["observed"] == 4, 30, "web is at its max")
    return prometheus


def ask(prometheus, expression):
    now = time.time()
    told = http_json.request(f"{prometheus.url}/api/v1/query_range?" + urllib.parse.urlencode(
        {"query": expression, "start": now - 60, "end": now, "step": 5}))
    assert told.status == 200, f"{expression}: {told.text}"
    return told.json()["data"]["result"]


def test_every_query_returns_data(watched):
    left = {f"{name}: {title}: {expr}": expr.replace("$driver", DRIVER).replace("$target", "web" if name == "target" else ".*")
            .replace("$__rate_interval", "15s") for name, title, expr in queries()}

    def answered():
        for where in [where for where, expression in left.items() if ask(watched, expression)]:
            del left[where]
        assert not left, f"without an answer: {json.dumps(list(left), indent=1)}"
        return True

    eventually(answered, 60, "every query returns series")
