"""src/receive/openapi.yaml against the real program: what it answers is what the description says, and nothing else."""

import os
import re

import jsonschema
import pytest
import yaml

from rig.eventually import eventually
from rig.notifications import alert, notification
from rig.settings import settings, simulated_target

FILE = os.path.join(os.path.dirname(__file__), "..", "..", "src", "receive", "openapi.yaml")
SOURCE = os.path.join(os.path.dirname(__file__), "..", "..", "src", "receive", "router.cc")

with open(FILE, encoding="utf-8") as description:
    API = yaml.safe_load(description)


def resolve(value):
    while "$ref" in value and value["$ref"].startswith("#/components/responses/"):
        value = API["components"]["responses"][value["$ref"].rsplit("/", 1)[1]]
    return value


def check(schema, value):
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": API["components"], "allOf": [schema]}
    jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker()).validate(value)


def holds(path, method, answer):
    """The answer is one that the description has for this path and method."""
    responses = API["paths"][path][method.lower()]["responses"]
    assert str(answer.status) in responses, f"{method} {path}: {answer.status} is not described: {answer.text}"
    content = resolve(responses[str(answer.status)]).get("content", {})
    if not content:
        assert answer.text == "", answer.text
        return
    (kind, media), = content.items()
    assert answer.headers["Content-Type"].startswith(kind), answer.headers
    if kind == "application/json":
        check(media["schema"], answer.json())
    for header in resolve(responses[str(answer.status)]).get("headers", {}):
        assert header in answer.headers, answer.headers


@pytest.fixture
def app(start_alertscaler):
    return start_alertscaler(settings(simulated_target(), simulated_target("db", 1), {"name": "agents", "advisory": {}}))


UP = notification(alert("web", "up"), alert("nothing", "up"), alert("web", "hold"))
EACH = [
    ("/webhook", "POST", "", UP), ("/webhook", "PUT", "", UP), ("/webhook", "POST", "?wait=5s", UP),
    ("/webhook", "POST", "?dry_run=true&explain=true", UP), ("/webhook", "POST", "", "{"), ("/webhook", "POST", "?wiat=1s", UP),
    ("/api/v2/alerts", "POST", "", [{"labels": {"alertname": "A", "scale_target": "db", "scale_action": "up"}}]),
    ("/api/v2/alerts", "POST", "", {}),
    ("/api/v1/targets", "GET", "", None), ("/api/v1/targets", "GET", "?x=1", None), ("/api/v1/alerts", "GET", "", None),
    ("/api/v1/alerts", "GET", "?x=1", None), ("/api/v1/history", "GET", "?since=1h&limit=10", None),
    ("/api/v1/history", "GET", "?limit=none", None), ("/api/v1/history", "GET", "?target=nothing", None),
    ("/api/v1/status", "GET", "", None), ("/api/v1/status", "GET", "?x=1", None), ("/metrics", "GET", "", None),
    ("/-/healthy", "GET", "", None), ("/-/ready", "GET", "", None), ("/-/reload", "POST", "", ""), ("/-/reload", "PUT", "", ""),
    ("/api/v1/pause", "POST", "", {"for": "1h"}), ("/api/v1/pause", "POST", "", {"for": 1}), ("/api/v1/resume", "POST", "", ""),
]
TARGET = [
    ("/api/v1/targets/{name}", "GET", "", None), ("/api/v1/targets/{name}", "GET", "?x=1", None),
    ("/api/v1/targets/{name}/replicas", "PUT", "", {"replicas": 3, "pin": "10m"}),
    ("/api/v1/targets/{name}/replicas", "PUT", "", {"replicas": 30}), ("/api/v1/targets/{name}/replicas", "PUT", "", {"replicas": -1}),
    ("/api/v1/targets/{name}/pause", "POST", "", {"for": "1h"}), ("/api/v1/targets/{name}/pause", "POST", "", {"far": "1h"}),
    ("/api/v1/targets/{name}/replicas", "PUT", "", {"replicas": 2}), ("/api/v1/targets/{name}", "GET", "", None),
    ("/api/v1/targets/{name}/resume", "POST", "", ""),
]


def test_answers_are_as_described(app):
    for path, method, query, body in EACH:
        holds(path, method, app.request(path + query, method, body))
    for name in ("web", "agents", "nothing"):
        for path, method, query, body in TARGET:
            holds(path, method, app.request(path.replace("{name}", name) + query, method, body))
    eventually(lambda: len(app.history("web")) >= 2, 10, "actions have ended")
    for path in ("/api/v1/targets", "/api/v1/history", "/api/v1/alerts"):
        holds(path, "GET", app.request(path))
    foreign = {"Origin": "http://elsewhere.example", "Content-Type": "application/json"}
    holds("/api/v1/pause", "POST", app.request("/api/v1/pause", "POST", "{}", foreign))
    holds("/api/v1/pause", "POST", app.request("/api/v1/pause", "POST", "{}", {"Content-Type": "text/plain"}))
    for path in ("/api/v1/targets", "/api/v1/alerts", "/api/v1/history", "/api/v1/status", "/api/v1/events", "/metrics"):
        refused = app.request(path, headers={"Host": "elsewhere.example", "Accept-Language": "en"})
        assert refused.status == 403, refused.text
        holds(path, "GET", refused)


def test_every_path_of_the_program_is_described():
    with open(SOURCE, encoding="utf-8") as text:
        source = text.read()
    table = source[source.index("routes = {{"):]
    names = dict(re.findall(r'constexpr std::string_view (\w+_path) = "([^"]+)"', source))
    described = {(re.sub(r"\{\w+\}", "", path).rstrip("/"), method.upper())
                 for path, item in API["paths"].items() for method in item if method in ("get", "put", "post")}
    found = set()
    for path, rest in re.findall(r"^ +\{(\w+_path|\"[^\"]+\"), (.*)\},$", table[:table.index("}};")], re.MULTILINE):
        path = names.get(path, path.strip('"'))
        suffix = re.search(r'true, "(/\w+)"$', rest)
        methods = re.match(r'"([^"]+)"|get', rest)
        for method in (methods[1] or "GET").split(", "):
            found.add((path.rstrip("/") + (suffix[1] if suffix else ""), method))
    # The page is for browsers, and Alertmanager's status for programs that take us for one.
    found -= {("", "GET"), ("/page", "GET"), ("/api/v2/status", "GET")}
    merged = {(path.replace("//", "/"), method) for path, method in described}
    assert found == merged, found ^ merged


def test_examples_fit_their_schemas():
    for path, item in API["paths"].items():
        for method, operation in item.items():
            if method == "parameters":
                continue
            for media in operation.get("requestBody", {}).get("content", {}).values():
                if "example" in media:
                    check(media["schema"], media["example"])


def test_who_may_only_look_is_answered_as_described(scratch, start_alertscaler):
    """Everything that is no GET is refused: what is added to the API later, too."""
    scratch.file("web", "tokens", text="writes\n")
    scratch.file("web", "lookers", text="looks\n")
    web = scratch.file("web", "web.yml", text="bearer_token_file: tokens\nread_only_token_file: lookers\n")
    app = start_alertscaler(settings(simulated_target()), options=[f"--web.config.file={web}"])
    looks = {"Authorization": "Bearer looks", "Content-Type": "application/json"}
    refused = 0
    for path, item in API["paths"].items():
        for method in set(item) & {"get", "post", "put", "delete", "patch"}:
            if path == "/api/v1/events":
                continue  # it never ends
            answer = app.request(path.replace("{name}", "web"), method.upper(), None if method == "get" else "{}", looks)
            holds(path, method, answer)
            assert answer.status == (200 if method == "get" else 403), f"{method} {path}: {answer.status}"
            refused += method != "get"
    assert refused >= 9
    assert app.request("/api/v1/history", headers=looks).json()["data"] == []
