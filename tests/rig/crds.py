"""Custom resource definitions of others: KEDA's and the Prometheus operator's.

Their own ones are taken from ../shared/crds beside the repository where that folder exists; elsewhere the small ones
of crds/ do, which know only what this project uses.
"""

import glob
import os
import re

import yaml

from rig.eventually import eventually

_OWN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "crds")
_REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(_OWN)))
_SHARED = os.path.join(os.path.dirname(_REPOSITORY), "shared", "crds")
_GROUPS = {"keda": "keda.sh", "monitoring": "monitoring.coreos.com"}
_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def install(plane, *groups):
    """Makes the kinds of "keda" and "monitoring" (both, if none is named) known to the control plane, and waits for it.

    Those that are there already stay. Returns where the definitions came from, by name.
    """
    sources = {}
    for group in groups or _GROUPS:
        for name, (source, text) in _definitions(group).items():
            sources[name] = source
            answer = plane.call("POST", _PATH, text, content_type="application/yaml")
            assert answer.status in (201, 409), f"{name} of {source}: {answer.status} {answer.text[:2000]}"
    for name in sources:
        eventually(lambda each=name: _established(plane, each), 30, f"{name} is established")
    return sources


def _definitions(group):
    """{name: (file, text)}: the small ones, each replaced by the whole one where that is to be had."""
    own = os.path.join(_OWN, f"{group}.yaml")
    with open(own, encoding="utf-8") as text:
        found = {each["metadata"]["name"]: (own, yaml.safe_dump(each)) for each in yaml.safe_load_all(text)}
    for path in glob.glob(f"{_SHARED}/{_GROUPS[group]}_*.yaml"):
        plural = os.path.basename(path).removeprefix(f"{_GROUPS[group]}_").removesuffix(".yaml")
        with open(path, encoding="utf-8") as text:
            # Kubernetes 1.20 takes an empty default for none, and complains.
            found[f"{plural}.{_GROUPS[group]}"] = path, re.sub(r'^ *default: ""\n', "", text.read(), flags=re.MULTILINE)
    return found


def _established(plane, name):
    definition = plane.get(f"{_PATH}/{name}")
    spec, conditions = definition["spec"], definition["status"].get("conditions") or ()
    version = next(each["name"] for each in spec["versions"] if each["served"])
    # What serves its objects hears of it a moment after the condition is set.
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions) and \
        plane.call("GET", f"/apis/{spec['group']}/{version}/{spec['names']['plural']}").status == 200
