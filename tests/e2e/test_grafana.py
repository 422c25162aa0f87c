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
        for annotation in dashboard(name)["annotations"]["list"]:
            yield name, annotation["name"], annotation["expr"]


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


FAILED = 'alertscaler_actions_total{job="alertscaler",instance="a",target="web",action="up",outcome="failed"}'
UP = 'up{job="alertscaler",instance="a"}'
START = 'process_start_time_seconds{job="alertscaler",instance="a"}'
LONG_AGO = "-1000000x300"


def check_computed(folder, about, expression, at, series, value):
    """That promtool computes this (None: nothing) of series that are scraped every 15 s."""
    given = [{"series": name, "values": values} for name, values in series.items()]
    samples = [] if value is None else [{"labels": "{}", "value": value}]
    asked = {"expr": f"round(sum({expression}))", "eval_time": at, "exp_samples": samples}
    (folder / "test.yml").write_text(json.dumps({"rule_files": [], "evaluation_interval": "15s", "tests": [
        {"interval": "15s", "input_series": given, "promql_expr_test": [asked]}]}))
    told = subprocess.run(["promtool", "test", "rules", folder / "test.yml"], text=True, capture_output=True, check=False)
    assert told.returncode == 0, f"{about}: {told.stdout}{told.stderr}"


def test_an_action_is_marked_where_prometheus_scrapes_every_15s(tmp_path):
    (actions,) = dashboard("target")["annotations"]["list"]
    expression = actions["expr"].replace("$__rate_interval", "60s").replace("$target", "web")  # Grafana: four scrapes
    check_computed(tmp_path, "one of long ago", expression, "5m", {FAILED: "5x40"}, None)
    for at in ("5m", "5m15s", "5m30s"):
        check_computed(tmp_path, f"a further one, at {at}", expression, at, {FAILED: "5x19 6x40"}, 1)
        check_computed(tmp_path, f"the first one, at {at}", expression, at, {FAILED: "_x20 1x40"}, 1)


def test_the_first_failure_counts_and_an_old_one_does_not(tmp_path):
    expression, = (expr for _, title, expr in queries() if title == "Failed, last hour")
    for about, at, failed, up, start, count in (
            ("the first one of a program that runs for long", "70m", "_x270 1x30", "1x300", LONG_AGO, 1),
            ("of one that has just begun", "5m", "_x10 1x30", "1x40", "0x40", 1),
            ("to a Prometheus that is new", "10m", "7x300", "1x300", LONG_AGO, 0),
            ("after an hour without scrapes", "70m", "7x9 stale _x259 7x40", "1x9 0x260 1x40", LONG_AGO, 0)):
        check_computed(tmp_path, about, expression, at, {FAILED: failed, UP: up, START: start}, count)


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
