"""basic_auth_users of the web configuration file: who is let in, at what price, and that no secret is ever shown."""

import base64
import statistics
import threading
import time

import pytest

from rig import http_json
from rig.alertscaler import run_once
from rig.notifications import alert, notification
from rig.settings import settings, simulated_target

# Made with htpasswd -nbB -C 4 and with crypt(3) for the other kinds; "slow" has a cost of 12.
USERS = {
    "alice": ("secret", "$2y$04$76xbVnfFKsam1jo9C/I7mOY1UQOWHAI0Y0wdXsug9Je5MiaMLqOju"),
    "bob": ("secret", "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"),
    "carol": ("päss:wörd ", "$2a$04$abcdefghijklmnopqrstuuKOvBVo67BG8UhM1QWGmLM.RjyqMc856"),
}
SLOW = ("slow", "$2y$12$abcdefghijklmnopqrstuuvhqlfa3SToYAWnpQD0wYcoxAD7y2cEy")


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture
def serve(scratch, start_alertscaler):
    def begin(users, more=""):
        lines = "".join(f"  {user}: {hash}\n" for user, (_, hash) in users.items())
        web = scratch.file("web", "web.yml", text=f"basic_auth_users:\n{lines}{more}")
        return start_alertscaler(settings(simulated_target(replicas=2, max=4)), options=[f"--web.config.file={web}"])

    return begin


def status(app, headers=None):
    return app.request("/api/v1/targets", headers=headers).status


def test_right_wrong_and_unknown(serve):
    app = serve(USERS)
    for _ in range(2):  # the second time from memory
        for user, (password, _) in USERS.items():
            assert status(app, basic(user, password)) == 200, user
            for wrong in ("", password + "x", password[:-1], password.upper(), password + "\0"):
                assert status(app, basic(user, wrong)) == 401, (user, wrong)
        for stranger in ("mallory", "", "Alice", "alice "):
            assert status(app, basic(stranger, "secret")) == 401, stranger
    for nonsense in ("", "Basic", "Basic ", "Basic !!!!", "Basic YWxpY2U", "Basic YWxpY2U=", "Bearer secret",
                     "Digest x", "Basic " + "A" * 4000):
        assert status(app, {"Authorization": nonsense}) == 401, nonsense
    answer = app.request("/api/v1/targets")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert "basic_auth_users" in answer.json()["error"]
    told = app.request("/webhook", "POST", notification(alert("web", "hold")), basic("alice", "secret"))
    assert told.status == 200 and told.json()["data"]["alerts"][0]["result"] == "accepted"
    assert app.request("/-/healthy").status == 200


def test_either_a_password_or_a_token(scratch, serve):
    scratch.file("web", "tokens", text="the-token\n")
    app = serve(USERS, "bearer_token_file: tokens\n")
    assert status(app, basic("alice", "secret")) == 200
    assert status(app, {"Authorization": "Bearer the-token"}) == 200
    assert status(app, {"Authorization": "Bearer secret"}) == 401
    assert status(app, basic("alice", "the-token")) == 401
    assert status(app) == 401
    told = app.request("/api/v1/status", headers=basic("alice", "secret")).json()["data"]
    assert told["config"]["authentication"] == "bearer token or password"


def test_a_read_only_user_sees_everything_and_changes_nothing(serve):
    app = serve(USERS, "read_only_users: [carol]\n")
    looks, writes = basic("carol", USERS["carol"][0]), basic("alice", "secret")
    for path in ("/api/v1/targets", "/api/v1/targets/web", "/api/v1/alerts", "/api/v1/history", "/metrics"):
        assert app.request(path, headers=looks).status == 200, path
    assert app.request("/api/v1/status", headers=looks).json()["data"]["may_write"] is False
    assert app.request("/api/v1/status", headers=writes).json()["data"]["may_write"] is True

    up = notification(alert("web", "up"))
    asked = app.request("/webhook?dry_run=true", "POST", up, looks)
    assert asked.status == 200 and asked.json()["data"]["alerts"][0]["decision"]["to"] == 3, asked.text
    for path, method, body in (("/webhook", "POST", up), ("/webhook?wait=1s", "PUT", up), ("/api/v2/alerts", "POST", []),
                               ("/api/v1/targets/web/replicas", "PUT", {"replicas": 4}),
                               ("/api/v1/targets/web/pause", "POST", {}), ("/api/v1/targets/web/resume", "POST", {}),
                               ("/api/v1/pause", "POST", {}), ("/api/v1/resume", "POST", {}), ("/-/reload", "POST", None)):
        refused = app.request(path, method, body, {**looks, "Content-Type": "application/json"})
        assert refused.status == 403, (path, refused.text)
        assert refused.json() == {"status": "error", "errorType": "unauthorized",
                                  "error": "carol is one of read_only_users, who may look at everything and change nothing"}
    assert app.request("/api/v1/alerts", headers=writes).json()["data"] == []
    shown = app.request("/api/v1/targets/web", headers=looks).json()["data"]
    assert shown["desired"] == 2 and shown["pause"] is None

    done = app.request("/api/v1/targets/web/replicas", "PUT", {"replicas": 4}, {**writes, "Content-Type": "application/json"})
    assert done.status == 200, done.text


def test_passwords_and_hashes_are_never_shown(serve):
    app = serve(USERS)
    shown = [app.request(path, headers=basic("alice", "secret")).text
             for path in ("/api/v1/status", "/api/v1/targets", "/metrics", "/")]
    shown.append(app.request("/api/v1/targets", headers=basic("alice", "a-wrong-password")).text)
    shown.append(app.process.log())
    for text in shown:
        for secret in ("secret", "a-wrong-password", "$2", base64.b64encode(b"alice:secret").decode()):
            assert secret not in text, text


def test_a_forgotten_hash_is_no_secret_told(scratch):
    config = scratch.file("alertscaler.yml", text=settings(simulated_target()))
    web = scratch.file("web.yml", text="basic_auth_users: {alice: hunter2}\n")
    ended = run_once("serve", f"--config.file={config}", f"--storage.path={scratch.directory('data')}",
                     "--web.listen-address=127.0.0.1:0", f"--web.config.file={web}")
    assert ended.returncode == 1
    assert "web.yml:1:27" in ended.stderr and "htpasswd" in ended.stderr, ended.stderr
    assert "hunter2" not in ended.stderr


def test_an_unknown_user_costs_what_a_known_one_does(serve):
    app = serve({"slow": SLOW})

    def cost(user, password, wanted):
        before = time.monotonic()
        assert status(app, basic(user, password)) == wanted
        return time.monotonic() - before

    def once(user):
        return cost(user, f"wrong {time.monotonic()}", 401)

    # In turns, and the best of each: what else the machine does costs either the same.
    known, unknown = map(min, zip(*((once("slow"), once("nobody")) for _ in range(7))))
    assert 0.3 < known / unknown < 3, (known, unknown)
    assert status(app, basic("slow", "slow")) == 200
    times = [cost("slow", "slow", 200) for _ in range(20)]
    assert statistics.median(times) < known / 2, ("the password is checked once", times)
    print(f"known {known * 1000:.0f} ms, unknown {unknown * 1000:.0f} ms")


def test_guessing_keeps_nobody_out(serve):
    """Fifty who guess at a time: one who is known is answered at once, and the guessers are put off."""
    app = serve({"slow": SLOW})
    assert status(app, basic("slow", "slow")) == 200
    stop = threading.Event()
    answers = []

    def guess(number):
        i = 0
        while not stop.is_set():
            i += 1
            try:
                told = http_json.request(app.url + "/api/v1/targets", headers=basic("slow", f"{number}-{i}"),
                                         seconds=30).status
            except OSError:
                told = "cut off"
            answers.append(told)
            if told == 503:
                stop.wait(0.1)  # fifty that never pause keep this process from looking at anything else

    guessers = [threading.Thread(target=guess, args=(number,), daemon=True) for number in range(50)]
    for each in guessers:
        each.start()
    try:
        slowest = 0.0
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            before = time.monotonic()
            told = app.request("/webhook", "POST", notification(alert("web", "hold")), basic("slow", "slow"))
            slowest = max(slowest, time.monotonic() - before)
            assert told.status == 200
    finally:
        stop.set()
        for each in guessers:
            each.join(30)
    assert slowest < 10, f"{slowest:.2f} s"
    assert set(answers) <= {401, 503} and 401 in answers and 503 in answers, set(answers)
    print(f"slowest good answer {slowest * 1000:.0f} ms amid {len(answers)} guesses, {answers.count(503)} put off")
