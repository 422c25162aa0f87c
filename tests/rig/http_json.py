"""A plain HTTP client for JSON and text, where a status of 400 or more is an answer and not an exception."""

import dataclasses
import json
import urllib.error
import urllib.request


def _opener(context):
    # Never through a proxy that the environment names: everything here is on this machine.
    handlers = [urllib.request.ProxyHandler({})]
    if context:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers).open


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    headers: dict
    text: str

    def json(self):
        return json.loads(self.text)


def request(url, method="GET", body=None, headers=None, seconds=10, context=None):
    """`body` is text or bytes to send as it is, or else data to send as JSON; `context` is for https."""
    if body is not None and not isinstance(body, (str, bytes)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with _opener(context)(asked, timeout=seconds) as answer:
            return Answer(answer.status, dict(answer.headers), answer.read().decode(errors="replace"))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read().decode(errors="replace"))


def get_json(url, seconds=10):
    """The document at that address; any status but 200 fails the test."""
    answer = request(url, seconds=seconds)
    assert answer.status == 200, f"GET {url}: {answer.status} {answer.text}"
    return answer.json()
