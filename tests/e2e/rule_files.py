"""The files of rules/: what stands in them, and what the tests beside them expect."""

import functools
import glob
import os
import re

import yaml

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(REPOSITORY, "rules")
ALERTMANAGER = os.path.join(REPOSITORY, "alertmanager", "alertmanager.yml")

_WORD = re.compile(r"[A-Za-z_:][\w:]*")


def rule_files():
    """Every file of rules/ that is not a test."""
    return sorted(os.path.basename(path) for path in glob.glob(f"{FOLDER}/*.yml") if not path.endswith("_test.yml"))


def path_of(name):
    return os.path.join(FOLDER, name)


def read(name):
    with open(path_of(name), encoding="utf-8") as file:
        return file.read()


@functools.cache
def _data(path):
    """What nobody changes afterwards."""
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def rules(name):
    return [rule for group in _data(path_of(name))["groups"] for rule in group["rules"]]


def alerts(name):
    """The alerting rules, by name."""
    return {rule["alert"]: rule for rule in rules(name) if "alert" in rule}


def scales(rule):
    return "scale_action" in rule["labels"]


def described_targets(name):
    """The targets that the head of the file says to configure ("In alertscaler.yml"), as data."""
    lines, inside = [], False
    for line in read(name).splitlines():
        if not line.startswith("#"):
            break
        if line.startswith("# In alertscaler.yml"):
            inside = True
        elif inside and (line == "#" or line.startswith("#   ")):
            lines.append(line[2:])
        elif inside and lines:
            break
    return yaml.safe_load("\n".join(lines))["targets"] if lines else []


class Expected:
    """What a test beside the rules expects at one moment: these alerts of one rule, or none."""

    def __init__(self, group, case):
        self.group = group
        self.eval_time = case["eval_time"]
        self.alertname = case["alertname"]
        self.alerts = [(dict(each["exp_labels"], alertname=self.alertname), each["exp_annotations"])
                       for each in case["exp_alerts"] or []]


def test_files(name):
    """The files whose tests are of this one, as (path, data)."""
    tests = ((path, _data(path)) for path in sorted(glob.glob(f"{FOLDER}/*_test.yml")))
    return [(path, data) for path, data in tests if name in data["rule_files"]]


def expectations(name):
    return [Expected(group, case) for _, data in test_files(name) for group in data["tests"]
            for case in group.get("alert_rule_test", ())]


def example_alerts(name):
    """(labels, annotations) of each alert that the tests of this file have seen fire."""
    return [(labels, annotations) for each in expectations(name) for labels, annotations in each.alerts]


def used_by(name, alertname):
    """Every word of the alert's expression and of the recording rules that it is made of; metrics are among them."""
    records = {rule["record"]: rule["expr"] for rule in rules(name) if "record" in rule}
    words, left = set(), [alerts(name)[alertname]["expr"]]
    while left:
        for word in _WORD.findall(left.pop()):
            if word not in words:
                words.add(word)
                left += [records[word]] if word in records else []
    return words


def without_each_metric(name):
    """Tests made of those beside the file: a scale-down or a count that fires there is silent without any one metric."""
    made = []
    for path, data in test_files(name):
        for group in data["tests"]:
            for case in group.get("alert_rule_test", ()):
                rule = alerts(name)[case["alertname"]]
                if not case["exp_alerts"] or rule["labels"].get("scale_action") not in ("down", "to"):
                    continue
                metrics = {_WORD.match(each["series"]).group(0) for each in group["input_series"]}
                for metric in sorted(metrics & used_by(name, case["alertname"])):
                    left = [each for each in group["input_series"] if not re.match(rf"{metric}\b", each["series"])]
                    made.append((data["evaluation_interval"], {
                        "name": f"{case['alertname']} without {metric} ({os.path.basename(path)}, {case['eval_time']})",
                        "interval": group["interval"], "input_series": left,
                        "alert_rule_test": [dict(case, exp_alerts=[])]}))
    return made
