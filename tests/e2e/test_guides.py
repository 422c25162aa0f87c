"""What the guides say, followed by somebody who types it, in order, on a machine of his own.

Every command must succeed and print what the guide says that it prints. Those that a guide marks as not to be run are
listed with their reasons; `pytest -k listed -s` shows them by hand.
"""

import os
import re

import pytest
import yaml

from rig import crds, eventually, guides, manifests
from rig.namespaces import Namespaces
from rig.processes import Process
from rig.reader import Reader
from rig.scratch import Scratch
from rig.settings import settings, simulated_target

# What no two runs print alike.
_TIMES = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z|\b\d+(\.\d+)?(ms|s)\b")


@pytest.fixture
def machine(scratch, start, requirements):
    """machine(…) is a reader's, with nothing on its ports."""
    return lambda **options: start(Reader, scratch, start(Namespaces, scratch), **options)


def words(text):
    """One line without what differs each time."""
    return " ".join(_TIMES.sub("TIME", text).split())


def check_printed(shown, told, where):
    """Each line that the guide shows is there, in this order; `…` stands for anything."""
    lines = [words(each) for each in told.splitlines()]
    for wanted in filter(None, map(words, shown.splitlines())):
        pattern = re.compile(".*".join(map(re.escape, wanted.split("…"))))
        at = next((at for at, line in enumerate(lines) if pattern.search(line)), None)
        assert at is not None, f"{where} shows {wanted!r}, printed was:\n{told}"
        del lines[:at + 1]


def follow(reader, guide):
    """Types the guide; how many commands it had."""
    typed, told = 0, ""
    for block in sorted(guides.blocks(guide) + guides.shown_in_tables(guide), key=lambda each: each.line):
        if block.file:
            with open(reader.path(block.file), "w", encoding="utf-8") as file:
                file.write(block.text)
        if block.not_run:
            told = None
        elif block.kind == "sh":
            for command in guides.commands(block):
                where = f"{guide}:{command.line}"
                status, told = reader.type(command.text, endless=command.endless)
                assert status == 0, f"{where}: {command.text}\nended with {status}:\n{told}\n{reader.server_log()[-3000:]}"
                if command.prints:
                    check_printed(command.prints, told, where)
                typed += 1
        elif block.kind == "text" and told is not None:
            check_printed(block.text, told, str(block))
    return typed


def test_nobody_can_hide_a_command():
    """An indented block looks the same to a reader, and is found by no test."""
    for guide in guides.GUIDES:
        before = ""
        for number, line in guides.outside_fences(guide):
            assert not (line.startswith("    ") and not before.strip()), f"{guide}:{number} is not in a fence: {line}"
            before = line
        kinds = {block.kind for block in guides.blocks(guide)} - {"sh", "text", "yaml", "yml", "promql"}
        assert not kinds, f"{guide}: fences of the kinds {kinds}"


def test_what_is_not_run_is_listed_with_its_reason(capsys):
    with capsys.disabled():
        print("\nIn the guides, and not run by this test:")
        for guide in guides.GUIDES:
            for block in guides.blocks(guide):
                if block.not_run:
                    print(f"  {block}: {block.text.splitlines()[0][:70]}: {block.not_run}")
                    assert block.kind == "sh", f"{block} is nothing to run"
                    assert len(block.not_run) > 15, f"{block}: that is no reason"


def test_the_examples_are_yaml():
    for guide in guides.GUIDES:
        for block in guides.blocks(guide):
            if block.kind == "yaml":
                assert yaml.safe_load(block.text), str(block)


def last_is(reader, pattern):
    """The last entry of the history; a cooldown of the guide may have to pass first."""
    eventually(lambda: re.search(pattern, reader.type("alertscaler history --limit=1")[1], re.MULTILINE), 90,
               f"the last that was done is {pattern}")


def test_the_first_guide_leads_to_a_scaled_service(engine, compose_v2, project, web_app, scratch, start):
    shop = project(web_app.compose_file(), name="shop")
    shop.up(compose_v2)
    shop.wait_healthy("web")
    reader = start(Reader, scratch, engine.namespaces, socket=engine.socket_path)
    assert follow(reader, "README.md") > 25
    # As it was left: with a token and TLS. The rule, Alertmanager and the program as the guide made them.
    assert reader.type("alertscaler --config.file=alertscaler.yml")[0] == 0
    for command in ("curl -d @alertmanager/payloads/up-resolved.json http://127.0.0.1:9095/webhook", "alertscaler scale web 1"):
        status, told = reader.type(command)
        assert status == 0, told
    last_is(reader, r" manual .* -> 1 .* done ")
    am = Process("alertmanager", engine.namespaces.command([
        "prometheus-alertmanager", f"--config.file={reader.path('alertmanager.yml')}", "--cluster.listen-address=",
        f"--storage.path={scratch.directory('alertmanager')}"]), scratch.file("alertmanager.log"))
    am.wait_for_log("Listening on", 20)
    with open(reader.path("web.rules.yml"), encoding="utf-8") as rules:
        rule = yaml.safe_load(rules)["groups"][0]["rules"][0]
    labels = " ".join(f"{name}={value}" for name, value in rule["labels"].items())
    assert reader.type(f"amtool alert add {rule['alert']} {labels} --alertmanager.url=http://127.0.0.1:9093")[0] == 0
    last_is(reader, rf" up .* 1 -> 2 .* done .* {rule['alert']}$")
    assert len(shop.replicas("web")) == 2


def simulated(reader, **more):
    with open(reader.path("alertscaler.yml"), "w", encoding="utf-8") as file:
        file.write(settings(simulated_target(replicas=2, **more)))


def test_alertmanager(machine):
    reader = machine()
    simulated(reader)
    assert follow(reader, "alertmanager/README.md") > 10


def test_compose(machine):
    reader = machine()
    assert follow(reader, "compose/README.md") >= 1


def test_rules(machine):
    reader = machine()
    simulated(reader)
    reader.type("alertscaler --config.file=alertscaler.yml")
    assert follow(reader, "rules/README.md") > 4


def test_troubleshooting(machine):
    """The commands outside of its tables; for those see test_troubleshooting.py."""
    reader = machine()
    simulated(reader)
    reader.type("alertscaler --config.file=alertscaler.yml")
    assert follow(reader, "src/TROUBLESHOOTING.md") >= 2


def test_config(machine):
    assert follow(machine(), "src/config/README.md") >= 1


def operator_objects(plane):
    """A Prometheus and an Alertmanager of the operator, as a release of its chart leaves them: names and selectors."""
    crds.install(plane, "monitoring")
    selecting = {"matchLabels": {"release": "kube-prometheus-stack"}}
    plane.make_namespace("monitoring")
    for kind, selectors in (("Prometheus", ("serviceMonitorSelector", "ruleSelector")),
                            ("Alertmanager", ("alertmanagerConfigSelector",))):
        names = {"kind": kind, "listKind": f"{kind}List", "plural": f"{kind.lower()}s", "singular": kind.lower()}
        anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        plane.apply({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                     "metadata": {"name": f"{names['plural']}.monitoring.coreos.com"},
                     "spec": {"group": "monitoring.coreos.com", "scope": "Namespaced", "names": names, "versions": [
                         {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}]}})
        path = f"/apis/monitoring.coreos.com/v1/namespaces/monitoring/{names['plural']}"
        made = {"apiVersion": "monitoring.coreos.com/v1", "kind": kind, "metadata": {"name": "main"},
                "spec": {each: selecting for each in selectors}}
        eventually(lambda path=path, made=made: plane.post(path, made), 30, f"{kind} is known")


def test_k8s(control_plane, scratch, start):
    operator_objects(control_plane)
    reader = start(Reader, scratch, path=[os.path.dirname(manifests.kubectl())],
                   env={"KUBECONFIG": control_plane.kubeconfig()})
    assert follow(reader, "k8s/README.md") > 8
