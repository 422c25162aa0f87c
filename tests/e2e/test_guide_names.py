"""What the documents name is there: links and their anchors, files, commands and flags, metrics, keys, paths of the API."""

import glob
import os
import re

import pytest
import yaml

import rule_files
from rig import eventually, guides
from rig.alertscaler import run_once
from rig.guides import REPOSITORY
from rig.settings import settings

DOCUMENTS = sorted(os.path.relpath(path, REPOSITORY) for path in glob.glob(f"{REPOSITORY}/**/*.md", recursive=True)
                   if not re.match(r"(build|\.\w+)/", os.path.relpath(path, REPOSITORY)))
each_document = pytest.mark.parametrize("name", DOCUMENTS)

# Of other programs, where they are named without them.
FOREIGN_FLAGS = {"--duration", "--rules.alert.resend-delay", "--scale", "--init", "--build", "--target", "--profile"}
# What the reader makes or has, beside what the guides write themselves.
FILES_OF_READERS = {"alertscaler.yml", "alertmanager.yml", "prometheus.yml", "web.yml", "web-config.yml", "ca.pem", "cert.pem",
                    "key.pem", "server.crt", "tls.crt", "tls.key", "alertscaler.token", "inventory.ini", "scale.yml", "count.sh"}
# The labels and annotations, and what other programs call with our name.
NO_METRICS = {"alertscaler_token"}

_SECRETS = re.compile(r"(compose/)?secrets/")  # compose/init-env makes them
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")


def spans(name):
    """(line, text) of what stands in backticks outside of fences."""
    for number, line in guides.outside_fences(name):
        yield from ((number, each.replace(r"\|", "|")) for each in _SPAN.findall(line))


def code(name):
    """(line, text): spans, and the lines of fences."""
    yield from spans(name)
    for block in guides.blocks(name):
        yield from enumerate(block.text.splitlines(), block.line + 1)


def anchors(name):
    """Of its headings, as GitHub makes them."""
    found = set()
    for _, line in guides.outside_fences(name):
        heading = re.match(r"^#+ +(.*?) *$", line)
        if heading:
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.group(1)).lower()
            found.add(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return found


@each_document
def test_links_lead_somewhere(name):
    for number, line in guides.outside_fences(name):
        line = re.sub(r"`[^`]*`", "", line)
        for link in filter(None, (link for pair in _LINK.findall(line) for link in pair)):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            there = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
            assert os.path.exists(os.path.join(REPOSITORY, there)), f"{name}:{number}: {link}: there is no {there}"
            if anchor:
                assert anchor in anchors(there), f"{name}:{number}: {link}: {there} has no such section"


def exists(path, name):
    """From the document's folder, or from the repository's; `decide/map` are map.h and map.cc."""
    braces = re.match(r"(.*)\{(.*)\}(.*)", path)
    if braces:
        return all(exists(braces.group(1) + each + braces.group(3), name) for each in braces.group(2).split(","))
    paths = [os.path.join(REPOSITORY, folder, path.rstrip("/")) for folder in (os.path.dirname(name), "")]
    return any(glob.glob(each) or glob.glob(f"{each}.*") for each in paths)


@each_document
def test_files_that_are_named_exist(name):
    beside = {first for folder in (os.path.dirname(name), "") for first in os.listdir(os.path.join(REPOSITORY, folder))
              if os.path.isdir(os.path.join(REPOSITORY, folder, first))} - {"build"}
    all_files = {each for _, _, files in os.walk(REPOSITORY) for each in files}
    made = {block.file for guide in guides.GUIDES for block in guides.blocks(guide)} | FILES_OF_READERS
    for number, span in spans(name):
        where = f"{name}:{number}: there is no {span}"
        for path in re.findall(r"[\w.*{},-]+(?:/[\w.*{},-]*)+", span):
            if path.split("/")[0] in beside and not span.startswith(("http", "/")) and not _SECRETS.match(path):
                assert exists(path, name), where
        if re.fullmatch(r"[\w.-]+\.(yml|yaml|json|md|py|cc|h|js|mjs|css|sh|svg|png|cmake|cfg|token|pem|crt|key|ini)", span):
            assert span in all_files | made or re.search(r"\b[A-Z]{3,}", span), where


def flags_of(*command):
    """Its flags, and its commands."""
    told = run_once(*command, "--help").stdout
    listed = told.split("Subcommands:")[1] if "Subcommands:" in told else ""
    return set(re.findall(r"(--[\w.-]+)", told)) | {"-h", "-f"}, set(re.findall(r"^  (\w+) ", listed, re.MULTILINE))


def test_commands_and_flags_exist():
    serving, subcommands = flags_of("serve")[0], flags_of()[1]
    known = {each: flags_of(each)[0] for each in subcommands}
    every = set().union(*known.values())
    assert len(subcommands) > 8 and len(every) > 15
    for name in DOCUMENTS:
        for number, text in code(name):
            where = f"{name}:{number}: `{text}`"
            ours = re.match(r"alertscaler(?: +(-*[\w.-]+))?", text)
            flags = set(re.findall(r"(?<![\w-])(--[a-z][\w.-]*[\w])", re.sub(r"[|#].*", "", text)))
            if ours and text.startswith("alertscaler ") and not text.endswith("."):  # a sentence is no command
                word = ours.group(1) or ""
                allowed = known[word] if word in known else serving if word.startswith("-") else None
                assert allowed is not None or not re.fullmatch(r"[a-z]+", word), f"{where}: there is no such command"
                assert allowed is None or flags <= allowed, f"{where}: {flags - allowed}"
            elif text.startswith("--"):
                assert flags <= every | FOREIGN_FLAGS, f"{where}: {flags - every}"


def test_metrics_exist(start_alertscaler, collector):
    app = start_alertscaler(settings({"name": "web", "simulated": {"replicas": 1}, "dry_run": True},
                                     alertmanager={"url": collector.url, "resync_interval": "1s"}))
    eventually(lambda: app.metric("alertscaler_target_replicas", target="web"), 20, "the target has been looked at")
    exported = {name for name, _ in app.metrics()}
    with open(f"{REPOSITORY}/tests/golden/metrics.txt", encoding="utf-8") as golden:
        described = {line.split()[0] for line in golden}
    assert {name for name in exported if name.startswith("alertscaler_")} - described <= {
        f"{name}_{part}" for name in described for part in ("bucket", "sum", "count")}
    named = 0
    for name in DOCUMENTS:
        for number, text in code(name):
            for metric in re.findall(r"(?<![\w/.])alertscaler_\w+", text):
                base = re.sub(r"_(bucket|sum|count)$", "", metric)
                assert {metric, base} & described or metric in NO_METRICS, f"{name}:{number}: there is no metric {metric}"
                named += metric not in NO_METRICS
    assert named > 20


def known_keys():
    """Those of the tables of src/config/README.md, which a test of its own holds against the program."""
    keys, section = set(), ""
    for _, line in guides.outside_fences("src/config/README.md"):
        heading = re.match(r"^#+ `?(\w+)`?", line)
        section = heading.group(1) if heading else section
        cell = re.match(r"^\| ((?:`[\w.]+`(?:, )?)+) \|", line)
        if cell:
            first, *others = re.findall(r"`([\w.]+)`", cell.group(1))
            found = [first, *(first.rpartition(".")[0] + each if each.startswith(".") else each for each in others)]
            keys |= set(found) | {f"{section}.{each}" for each in found}
    return keys


def test_keys_exist():
    keys = known_keys()
    parents = {key.rsplit(".", 1)[0] for key in keys if "." in key} & {key for key in keys if "." not in key}
    assert {"drain", "up", "down", "alertmanager"} <= parents, parents
    for name in DOCUMENTS:
        for number, span in spans(name):
            key = re.match(r"^([a-z_]+)((?:\.[a-z_]+)+)(?=$|:)", span)
            if key and key.group(1) in parents and not re.search(r"\.(yml|yaml|json|py|md|cc|h|js)$", key.group(0)):
                assert key.group(0) in keys, f"{name}:{number}: there is no key {key.group(0)}"


def test_paths_of_the_api_exist():
    with open(f"{REPOSITORY}/src/receive/openapi.yaml", encoding="utf-8") as description:
        paths = [re.compile(re.sub(r"\\\{\w+\\\}", r"[\\w{}…]+", re.escape(path)) + "$")
                 for path in yaml.safe_load(description)["paths"]]
    assert len(paths) > 10
    for name in DOCUMENTS:
        for number, text in code(name):
            for path in re.findall(r"(?:(?<=9095)|(?<![\w./}-]))(/api/v1/[\w/{}…]+|/-/\w+|/api/v2/alerts|/webhook)", text):
                where = f"{name}:{number}: {path} is not in openapi.yaml"
                other = re.search(r"alertmanager|9093|prometheus|serviceaccounts|namespaces", text)
                assert other or any(each.match(path.rstrip("/")) for each in paths), where


def configurations():
    """(block, configuration) of every example that is one, whole or a part of it: targets, or where Alertmanager is."""
    some = {"name": "some", "simulated": {}}
    for guide in guides.GUIDES:
        for block in guides.blocks(guide):
            text = yaml.safe_load(block.text) if block.kind == "yaml" else None
            if isinstance(text, list) and all("name" in each for each in text):
                yield block, {"targets": text}
            elif isinstance(text, dict) and ("targets" in text or list(text) == ["alertmanager"]):
                yield block, {"targets": [some], **text}


def test_examples_of_the_configuration_are_right(scratch):
    found = list(configurations())
    assert len(found) > 8 and {"README.md", "k8s/README.md", "alertmanager/README.md"} <= {each.guide for each, _ in found}
    for block, text in found:
        top = dict(text)
        targets = top.pop("targets")
        ended = run_once("check", f"--config.file={scratch.file('alertscaler.yml', text=settings(*targets, **top))}")
        assert ended.returncode == 0, f"{block}: {ended.stdout}{ended.stderr}"


def test_rules_say_what_they_need_and_what_to_change():
    table = guides.read("rules/README.md")
    for name in rule_files.rule_files():
        assert f"`{name}`" in table, f"rules/README.md does not say what {name} is for"
        head = rule_files.read(name).split("\ngroups:")[0]
        assert re.search(r"\b[Nn]eeds\b", head), f"the head of {name} says what it needs"
        assert re.search(r"^# .*(To adapt:|put your own)", head, re.MULTILINE), f"the head of {name} says how to adapt it"
