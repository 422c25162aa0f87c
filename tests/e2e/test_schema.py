"""`alertscaler schema`: what editors check a configuration by is what the program takes."""

import glob
import json
import os
import re

import jsonschema
import pytest
import yaml

from rig.alertscaler import run_once

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
EXAMPLE = os.path.join(ROOT, "src", "config", "alertscaler.example.yml")
FILES = {"settings": "alertscaler.schema.json", "web": "web.schema.json"}

# What is wrong in tests/config_bad and a schema lets pass, each with the reason.
COMPARED = "what stands in two places is compared, or a name is looked up"
LOOSE = "a pattern says roughly what the program looks at closely"
SAME = "to YAML it is a number, or text, like any other"
PASSED = {
    **dict.fromkeys((
        "alertmanager_urls_twice.yml", "compose_service_twice.yml",
        "defaults_min_above_default_max.yml", "defaults_min_above_max.yml",
        "initial_above_max.yml", "initial_below_min.yml", "kubernetes_twice.yml", "labels_same.yml",
        "labels_same_as_default.yml", "max_below_min_of_defaults.yml", "min_above_default_max.yml", "min_above_max.yml",
        "name_twice.yml", "route_node_label.yml", "route_scales_nodes.yml", "route_target_unknown.yml",
        "swarm_service_twice.yml", "web_read_only_all.yml", "web_tls_versions.yml"), COMPARED),
    **dict.fromkeys((
        "alertmanager_url_bad_port.yml", "duration_endless.yml",
        "kubernetes_node_selector.yml", "route_matcher_wrong.yml"), LOOSE),
    **dict.fromkeys((
        "lone_carriage_return.yml", "number_is_fraction.yml", "number_is_hexadecimal.yml", "number_is_octal.yml",
        "surrogate_escape.yml"), SAME),
}


def _loader():
    """YAML 1.2's core schema, as editors read: yes is a text, 010 and 0x10 are numbers."""

    class Loader(yaml.SafeLoader):  # pylint: disable=too-many-ancestors
        """That one, and no key twice."""

        def construct_mapping(self, node, deep=False):
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
            if len(keys) != len(set(keys)):
                raise yaml.constructor.ConstructorError(None, None, "a key is given twice", node.start_mark)
            return super().construct_mapping(node, deep)

    Loader.yaml_implicit_resolvers = {}
    for tag, pattern, first in (
            ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
            ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
            ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+.0123456789"),
            ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
            ("merge", "<<", "<")):
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^({pattern})$"), list(first))
    return Loader


LOADER = _loader()


def kind_of(name):
    return "web" if os.path.basename(name).startswith("web") else "settings"


@pytest.fixture(scope="module")
def schemas():
    found = {}
    for kind in FILES:
        printed = run_once("schema", *(["--web"] if kind == "web" else []))
        assert printed.returncode == 0, printed.stderr
        found[kind] = json.loads(printed.stdout)
    return found


def problems(schema, text):
    return [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(yaml.load(text, LOADER))]


def read(path):
    with open(path, "rb") as file:
        return file.read()


def examples():
    """Every configuration in the repository but those of the tests: {where: (kind, text)}."""
    found = {}
    for path in glob.glob(os.path.join(ROOT, "**", "*.yml"), recursive=True):
        name = os.path.relpath(path, ROOT)
        if name.startswith(("build", "tests")):
            continue
        if os.path.basename(name).startswith("alertscaler.") and re.search("^targets:", read(path).decode(), re.MULTILINE):
            found[name] = ("settings", read(path).decode())
        elif os.path.basename(name) == "web-config.yml":
            found[name] = ("web", read(path).decode())
    for path in glob.glob(os.path.join(ROOT, "**", "*.md"), recursive=True):
        name = os.path.relpath(path, ROOT)
        if name.startswith(("build", "tests")):
            continue
        for number, block in enumerate(re.findall(r"^```ya?ml\n(.*?)^```", read(path).decode(), re.MULTILINE | re.DOTALL)):
            keys = set(re.findall(r"^([a-z_]+):", block, re.MULTILINE))
            if "targets" in keys:
                found[f"{name}#{number}"] = ("settings", block)
            elif keys & {"bearer_token_file", "basic_auth_users", "tls_server_config"}:
                found[f"{name}#{number}"] = ("web", block)
    return found


EXAMPLES = examples()


def test_the_examples_are_found():
    assert len(EXAMPLES) >= 15, sorted(EXAMPLES)
    assert {kind for kind, _ in EXAMPLES.values()} == {"settings", "web"}


@pytest.mark.parametrize("kind", FILES)
def test_the_file_in_the_repository_is_what_the_program_prints(kind):
    printed = run_once("schema", *(["--web"] if kind == "web" else [])).stdout
    assert read(os.path.join(ROOT, "src", "config", FILES[kind])).decode() == printed, \
        f"alertscaler schema {'--web ' if kind == 'web' else ''}> src/config/{FILES[kind]}"


@pytest.mark.parametrize("kind", FILES)
def test_it_is_a_schema_that_describes_every_key(schemas, kind):
    jsonschema.Draft7Validator.check_schema(schemas[kind])
    for path, key in keys_of(schemas[kind]):
        assert len(key.get("description", "")) > 5, path
        assert {"type", "enum", "anyOf"} & set(key), path


@pytest.mark.parametrize("where", sorted(EXAMPLES))
def test_it_takes_every_example(schemas, where):
    kind, text = EXAMPLES[where]
    assert problems(schemas[kind], text) == []


GOOD = sorted(glob.glob(os.path.join(ROOT, "tests", "config_good", "*.yml")))


@pytest.mark.parametrize("path", GOOD, ids=os.path.basename)
def test_it_takes_what_the_program_takes(schemas, path):
    assert problems(schemas[kind_of(path)], read(path)) == []


BAD = sorted(glob.glob(os.path.join(ROOT, "tests", "config_bad", "*.yml")))


def refused(schemas, path):
    try:
        return bool(problems(schemas[kind_of(path)], read(path)))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return True  # an editor says so without a schema


@pytest.mark.parametrize("path", BAD, ids=os.path.basename)
def test_it_refuses_what_it_can(schemas, path):
    name = os.path.basename(path)
    if refused(schemas, path):
        assert name not in PASSED, "it is refused, so its reason is none"
    else:
        assert name in PASSED, "it is not refused, and no reason is given"


def test_every_reason_is_for_a_file():
    assert set(PASSED) <= {os.path.basename(path) for path in BAD}


def keys_of(schema, path=""):
    """Each key that there may be, as (path, its schema)."""
    for each in [schema, *schema.get("anyOf", [])]:
        for name, key in each.get("properties", {}).items():
            yield f"{path}.{name}", key
            yield from keys_of(key, f"{path}.{name}")
        if isinstance(each.get("items"), dict):
            yield from keys_of(each["items"], path)


def paths_of(value, path=""):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{path}.{name}"
            yield from paths_of(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from paths_of(item, path)


def test_the_example_has_every_key(schemas):
    text = read(EXAMPLE).decode()
    there = set(paths_of(yaml.load(text, LOADER)))
    instead = set(re.findall(r"^ *# or +([a-z_]+):", text, re.MULTILINE))
    policy = {path.split(".")[2] for path, _ in keys_of(schemas["settings"]) if path.startswith(".defaults.")}
    for path, _ in keys_of(schemas["settings"]):
        names = path.split(".")[1:]
        if names[0] == "targets" and len(names) > 2 and names[1] in policy:
            continue  # shown in defaults
        assert path in there or (names[-1] in instead and path.startswith((".alertmanager.", ".routes."))), path


def test_the_example_has_the_defaults_that_it_speaks_of(schemas):
    keys = dict(keys_of(schemas["settings"]))
    spoken = 0
    stack = []
    for line in read(EXAMPLE).decode().splitlines():
        match = re.match(r"^( *)(- )?([a-z_]+):.*?#.*; default ([^ ,;:]+)$", line)
        name = re.match(r"^( *)(- )?([A-Za-z_]+):", line)
        if not name:
            continue
        depth = len(name[1]) + len(name[2] or "")
        stack = [each for each in stack if each[0] < depth] + [(depth, name[3])]
        path = "".join(f".{each[1]}" for each in stack)
        if not match or match[4] in ("none", "nobody", "[]"):
            continue
        default = keys[path].get("default")
        assert json.dumps(default).strip('"') == match[4] or match[4].startswith("$"), f"{path}: {default} is the default"
        spoken += 1
    assert spoken > 20


def test_check_takes_the_example(scratch):
    home = scratch.directory("home")
    done = run_once("check", f"--config.file={EXAMPLE}", env={"HOME": home})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 errors" in done.stdout
