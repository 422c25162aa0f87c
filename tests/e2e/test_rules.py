"""Every file of rules/: valid, tested, for targets that its head describes, and understood by the program as it is meant.

A new file is found by itself; without tests beside it, or without its target, it fails here.
"""

import json
import math
import os
import re
import shutil
import subprocess

import pytest

import rule_files
from rig import eventually
from rig.alertscaler import run_once
from rig.notifications import alert, fingerprint, notification
from rig.settings import settings

FILES = rule_files.rule_files()
OBSERVED = 2
each_file = pytest.mark.parametrize("name", FILES)


@pytest.fixture(scope="module", autouse=True)
def promtool_is_there():
    if shutil.which("promtool") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("promtool is not installed (Debian: prometheus)")


def promtool(*arguments):
    ended = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@each_file
def test_promtool_finds_nothing_wrong(name):
    promtool("check", "rules", "--lint=all", "--lint-fatal", rule_files.path_of(name))


@each_file
def test_its_tests_pass_and_have_seen_every_alert_fire(name):
    paths = [path for path, _ in rule_files.test_files(name)]
    assert paths, f"no *_test.yml of rules/ has {name} among its rule_files"
    promtool("test", "rules", *paths)
    fired = {labels["alertname"] for labels, _ in rule_files.example_alerts(name)}
    assert fired == set(rule_files.alerts(name)), "every alert fires in some test, and no test is of another"


@each_file
def test_a_metric_that_is_missing_never_looks_like_low_load(name, scratch):
    cases = rule_files.without_each_metric(name)
    shrinking = [each for each in rule_files.alerts(name).values() if each["labels"].get("scale_action") == "down"]
    assert cases or not shrinking, f"no test of {name} sees its scale-down fire"
    for interval in {interval for interval, _ in cases}:
        tests = {"rule_files": [rule_files.path_of(name)], "evaluation_interval": interval,
                 "tests": [test for each, test in cases if each == interval]}
        promtool("test", "rules", scratch.file(f"without_{interval}.yml", text=json.dumps(tests)))


def known(targets, scratch):
    """These targets for this version of the program: what it does not have yet (it says so) is simulated."""
    ended = run_once("check", f"--config.file={scratch.file('wanted.yml', text=settings(*targets))}", "--format=json")
    missing = re.findall(r"(\w+) is not supported by this version", ended.stdout)
    return [{**{key: value for key, value in target.items() if key not in missing},
             **({"simulated": {}} if set(missing) & set(target) - {"drain"} else {})} for target in targets]


def simulated(target):
    """The same target and policy, with nothing behind it and nothing to wait for."""
    policy = ("name", "min", "max", "up", "timeout", "on_resolve")
    return {**{key: value for key, value in target.items() if key in policy},
            "down": {**target.get("down", {}), "stabilization": "0s"}, "simulated": {"replicas": OBSERVED}}


def targets_of(name):
    """The targets of its head; of a file that scales nothing any."""
    scaling = [each for each in rule_files.alerts(name).values() if rule_files.scales(each)]
    described = rule_files.described_targets(name)
    assert bool(described) == bool(scaling), f"the head of {name} says which targets it needs, as the others do"
    return described or [{"name": "any", "simulated": {}}]


def kubeconfig(scratch, server):
    """The environment for targets of Kubernetes."""
    text = json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "any",
        "contexts": [{"name": "any", "context": {"cluster": "any", "user": "any"}}],
        "clusters": [{"name": "any", "cluster": {"server": server}}], "users": [{"name": "any", "user": {"token": "any"}}]})
    return {"KUBECONFIG": scratch.file("kubeconfig", text=text)}


def check_finds_nothing(scratch, targets, *names):
    config = scratch.file("alertscaler.yml", text=settings(*targets))
    ended = run_once("check", f"--config.file={config}", f"--alertmanager={rule_files.ALERTMANAGER}",
                     *(f"--rules={rule_files.path_of(name)}" for name in names),
                     env=kubeconfig(scratch, "https://cluster.example:6443"))  # nobody is asked
    assert ended.returncode == 0 and "\n0 errors, 0 warnings\n" in "\n" + ended.stdout, ended.stdout + ended.stderr


@each_file
def test_check_finds_nothing_wrong(name, scratch):
    check_finds_nothing(scratch, known(targets_of(name), scratch), name)


def test_check_finds_nothing_wrong_with_all_of_them_together(scratch):
    targets = [target for name in FILES for target in rule_files.described_targets(name)]
    check_finds_nothing(scratch, known(targets, scratch), *FILES)


@each_file
def test_every_alert_says_what_people_need(name):
    for alertname, rule in rule_files.alerts(name).items():
        assert {"summary", "description"} <= set(rule["annotations"]), alertname
        assert "severity" in rule["labels"], alertname


@each_file
def test_an_alert_is_of_a_target_or_of_a_node_and_not_of_each_instance(name):
    for expected in rule_files.expectations(name):
        labels = [labels for labels, _ in expected.alerts if "scale_action" in labels]
        one_each = ("scale_target", "node") if any(each["scale_action"] == "drain" for each in labels) else ("scale_target",)
        told = [tuple(each.get(label) for label in one_each) for each in labels]
        assert len(told) == len(set(told)) and all(all(each) for each in told), (expected.alertname, told)
        for each in labels:
            assert not {"instance", "pod", "container", "exported_instance"} & set(each), (expected.alertname, each)


def firing(labels, annotations):
    """The alert as Alertmanager posts it."""
    one = alert(labels["scale_target"], labels["scale_action"], labels["alertname"], annotations=annotations)
    return {**one, "labels": labels, "fingerprint": fingerprint(labels)}


def count_asked_for(labels, annotations, policy):
    """What the alert alone leads to from OBSERVED, by the words of rules/README.md."""
    action = labels["scale_action"]
    low, high = policy.get("min", 1), policy.get("max", 10)
    if action == "hold":
        return OBSERVED
    if action == "drain":
        return 0
    if action == "to":
        wanted = math.ceil(float(annotations["scale_replicas"]))
    else:
        step = str(annotations.get("scale_step", policy.get(action, {}).get("step", 1)))
        size = math.ceil(OBSERVED * int(step[:-1]) / 100) if step.endswith("%") else int(step)
        wanted = OBSERVED + (size if action == "up" else -size)
    return min(max(wanted, low), high)


SCALING = [name for name in FILES if any(map(rule_files.scales, rule_files.alerts(name).values()))]


@pytest.mark.parametrize("name", SCALING)
def test_what_fires_is_mapped_and_decided_as_meant(name, scratch):
    targets = {target["name"]: simulated(target) for target in targets_of(name)}
    config = scratch.file("alertscaler.yml", text=settings(*targets.values()))
    for labels, annotations in rule_files.example_alerts(name):
        payload = scratch.file("payload.json", text=json.dumps(notification(firing(labels, annotations))))
        ended = run_once("explain", payload, f"--config.file={config}", "--format=json",
                         *(f"--observed={target}={OBSERVED}" for target in targets))
        assert ended.returncode == 0, ended.stderr
        (told,) = json.loads(ended.stdout)["alerts"]
        assert (told["result"], told["target"], told["action"]) == (
            "accepted", labels["scale_target"], labels["scale_action"]), told
        wanted = count_asked_for(labels, annotations, targets[labels["scale_target"]])
        decision = told["decision"]
        if labels["scale_action"] != "hold":
            moves = wanted != OBSERVED
            assert decision["outcome"] == ("act" if moves else "none"), told
            assert not moves or decision["reason"] == labels["scale_action"], told
        assert decision["to"] == wanted, told


def test_a_running_program_takes_all_of_them(start_alertscaler, scratch):
    # Nodes stay what they are, as their alerts have to name one; their cluster does not answer, so never quite ready.
    targets = known([target for name in SCALING for target in targets_of(name)], scratch)
    app = start_alertscaler(settings(*(each if "kubernetes_node" in each else simulated(each) for each in targets)),
                            env=kubeconfig(scratch, "https://127.0.0.1:1"), ready=False)
    posted = {}
    for name in SCALING:
        for labels, annotations in rule_files.example_alerts(name):
            one = firing(labels, annotations)
            posted[one["fingerprint"]] = (labels["alertname"], labels["scale_target"], labels["scale_action"])
            (told,) = app.post(notification(one))
            assert told["result"] in ("accepted", "duplicate"), told
    active = {each["fingerprint"]: (each["labels"]["alertname"], each["target"], each["action"])
              for each in app.get("/api/v1/alerts")}
    assert active == posted
    # Each target that is asked to grow, and not to drain, does.
    drained = {target for _, target, action in posted.values() if action == "drain"}
    growing = {target for _, target, action in posted.values() if action == "up"} - drained
    for target in growing:
        eventually(lambda: app.target(target)["observed"] > OBSERVED, 20, f"{target} has grown")


def exported(app):
    """name -> its labels, of everything that /metrics has or may have."""
    found = {}
    for name, pairs in app.metrics():
        found.setdefault(name, set()).update(key for key, _ in pairs)
    return found


def test_the_rules_ask_for_metrics_of_the_program_that_it_has(start_alertscaler, collector):
    app = start_alertscaler(settings({"name": "web", "simulated": {"replicas": 1}, "dry_run": True},
                                     alertmanager={"url": collector.url, "resync_interval": "1s"}))
    app.post(notification(alert("web", "up")), "?wait=5s")
    eventually(lambda: app.metric("alertscaler_actions_total", outcome="dry_run"), 20, "it has rehearsed")
    found = exported(app)
    asked = [(file, *each) for file in FILES for rule in rule_files.rules(file)
             for each in re.findall(r"\b(alertscaler_\w+)(?:\{([^}]*)\})?", rule["expr"])]
    assert len({name for _, name, _ in asked}) > 8, asked
    for file, name, matchers in asked:
        labels = set(re.findall(r"(\w+)\s*[=!]", matchers)) - {"job"}
        assert name in found and labels <= found[name], f"{file}: {name} {labels}, exported: {found.get(name)}"


def test_each_alert_about_the_program_has_its_runbook():
    text = rule_files.read("README.md")
    sections = dict(re.findall(r"^### (Alertscaler\w+)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))
    for alertname, rule in rule_files.alerts("alertscaler.yml").items():
        anchor = rule["annotations"]["runbook"].removeprefix("rules/README.md#")
        title = next((each for each in sections if each.lower() == anchor), None)
        assert title is not None, f"{alertname}: rules/README.md has no section #{anchor}"
        assert re.search(r"`[^`]*(alertscaler_\w+|up\{|vector)", sections[title]), f"{title} names its metric"
        assert "`alertscaler " in sections[title] or "curl" in sections[title], f"{title} says what to look at"
