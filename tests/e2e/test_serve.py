"""The program as a server, without any engine: what it refuses, what it survives, and how it stops."""

import contextlib
import json
import resource
import signal
import socket
import threading
import time

import pytest

from rig import eventually, http_json
from rig.alertscaler import binary, run_once
from rig.fleet import Fleet
from rig.notifications import alert, notification
from rig.processes import Process
from rig.servers import SilentEngine
from rig.settings import compose_target, engine_at, settings, simulated_target

GOOD_IN_TIME = 9.0  # seconds: less than Alertmanager gives a notification at the least


@pytest.fixture
def app(start_alertscaler):
    return start_alertscaler(settings(simulated_target(replicas=2, max=4)))


def lab(app, target="web"):
    return Fleet(None, None, app, target)


# --- who may ask ---

@pytest.mark.parametrize("address", ("0.0.0.0:0", ":0", "[::]:0"))
def test_beyond_loopback_without_authentication_is_refused(scratch, address):
    config = scratch.file("alertscaler.yml", text=settings(simulated_target()))
    ended = run_once("serve", f"--config.file={config}", f"--storage.path={scratch.directory('data')}",
                     f"--web.listen-address={address}")
    assert ended.returncode == 1
    for words in ("without authentication", "bearer_token_file", "--web.config.file", "127.0.0.1",
                  "--web.allow-unauthenticated"):
        assert words in ended.stderr, ended.stderr


@pytest.mark.parametrize("how", ("a token", "insisting"))
def test_beyond_loopback_with_a_token_or_insisting(scratch, start, how):
    config = scratch.file("alertscaler.yml", text=settings(simulated_target()))
    scratch.file("token", text="secret\n")
    web = scratch.file("web.yml", text="bearer_token_file: token\n")
    option = f"--web.config.file={web}" if how == "a token" else "--web.allow-unauthenticated"
    process = start(closing_process, "alertscaler", [
        binary(), "serve", f"--config.file={config}", f"--storage.path={scratch.directory('data')}",
        "--web.listen-address=0.0.0.0:0", option], scratch.file("alertscaler.log"))
    port = process.wait_for_log(r'event=listening .*address="?0\.0\.0\.0:(\d+)', 20).group(1)
    wanted = 401 if how == "a token" else 200
    assert http_json.request(f"http://127.0.0.1:{port}/api/v1/targets").status == wanted
    assert process.terminate() == 0


def closing_process(*arguments):
    process = Process(*arguments)
    process.close = process.kill
    return process


def test_tokens(scratch, start_alertscaler):
    tokens = scratch.file("web", "tokens", text="# since May\nfirst-token\n\nsecond-token\n")
    web = scratch.file("web", "web.yml", text="bearer_token_file: tokens\n")
    app = start_alertscaler(settings(simulated_target(replicas=2)), options=[f"--web.config.file={web}"])
    payload = notification(alert("web", "up"))

    def status(token, path="/webhook"):
        headers = {} if token is None else {"Authorization": token}
        return app.request(path, "POST" if path == "/webhook" else "GET", payload if path == "/webhook" else None,
                           headers)

    for wrong in (None, "Bearer", "Bearer ", "Bearer wrong", "Bearer first-toke", "Bearer first-token2",
                  "Basic first-token", "Bearer # since May", "first-token"):
        answer = status(wrong)
        assert answer.status == 401, (wrong, answer)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer"), answer.headers
        assert answer.json()["status"] == "error"
    for path in ("/metrics", "/api/v1/targets", "/api/v1/alerts", "/api/v1/history", "/api/v1/status"):
        assert status(None, path).status == 401, path
        assert status("Bearer second-token", path).status == 200, path
    for path in ("/-/healthy", "/-/ready", "/"):  # the page holds nothing yet: it asks as any client does
        assert status(None, path).status == 200, path
    assert status("Bearer first-token", "/api/v1/alerts").json()["data"] == []
    assert status("bearer first-token").status == 200  # the scheme's case does not matter
    # Tokens are changed without a restart; what was taken away does not work any more.
    scratch.file("web", "tokens", text="second-token\nthird-token\n")
    eventually(lambda: status("Bearer third-token").status == 200, 10, "the new token works")
    assert status("Bearer second-token").status == 200
    assert status("Bearer first-token").status == 401
    with open(app.log_path, encoding="utf-8") as log:
        text = log.read()
    assert "first-token" not in text and "third-token" not in text


def test_a_token_file_that_cannot_be_used_is_refused(scratch):
    config = scratch.file("alertscaler.yml", text=settings(simulated_target()))
    for content in (None, "", "# nothing\n\n"):
        if content is not None:
            scratch.file("tokens", text=content)
        web = scratch.file("web.yml", text="bearer_token_file: tokens\n")
        ended = run_once("serve", f"--config.file={config}", f"--storage.path={scratch.directory('data')}",
                         "--web.listen-address=127.0.0.1:0", f"--web.config.file={web}")
        assert ended.returncode == 1 and "tokens" in ended.stderr, ended.stderr


# --- probes, wrong questions, wrong configurations ---

def test_probes_and_wrong_questions(app):
    assert app.request("/-/healthy").status == 200
    assert app.request("/-/ready").status == 200
    asked = app.request("/webhook")
    assert asked.status == 405 and "POST" in asked.headers["Allow"], asked
    assert app.request("/api/v1/targets/nobody").status == 404
    assert app.request("/nothing/here").status == 404
    for body in ("", "{", "[]", "null", '{"version":"3"}', '{"version":"4"}', "\x00", "x" * 1000):
        answer = app.request("/webhook", "POST", body)
        assert answer.status == 400, (body, answer)
        told = answer.json()
        assert (told["status"], told["errorType"]) == ("error", "bad_data") and told["error"], told
    assert app.get("/api/v1/alerts") == []


def test_all_errors_of_a_configuration_at_once(scratch):
    config = scratch.file("alertscaler.yml", text="""targets:
  - name: web
    simulatd: {}
  - name: two
    simulated: {replicas: many}
    min: 5
    max: 3
    up: {cooldwn: 30s}
    timeout: soon
max_parallel: 0
""")
    ended = run_once("serve", f"--config.file={config}", f"--storage.path={scratch.directory('data')}")
    assert ended.returncode == 1
    lines = ended.stderr.splitlines()
    for place, words in (("3:5", "simulated"), ("5:27", "whole number"), ("7:10", "below min"), ("8:10", "cooldown"),
                         ("9:14", "duration"), ("10:15", "max_parallel")):
        assert any(f"alertscaler.yml:{place}" in line and words in line for line in lines), (place, ended.stderr)


def test_a_configuration_that_is_not_there(scratch):
    missing = scratch.path + "/nowhere.yml"
    ended = run_once("serve", f"--config.file={missing}")
    assert ended.returncode == 1 and missing in ended.stderr, ended.stderr


def test_not_ready_says_why(start_alertscaler, scratch):
    path = scratch.path + "/no.sock"
    app = start_alertscaler(settings(compose_target("shop"), docker=engine_at(path)), ready=False)

    def reason():
        answer = app.request("/-/ready")
        assert answer.status == 503 and "target web" in answer.text and path in answer.text, answer
        return True

    eventually(reason, 20, "the reason is the engine")
    assert app.request("/-/healthy").status == 200


# --- answers ---

def test_wait_answers_with_the_decision(app):
    (told,) = app.post(notification(alert("web", "up")), "?wait=10s")
    assert (told["target"], told["action"], told["status"], told["result"]) == ("web", "up", "firing", "accepted")
    decision = told["decision"]
    assert (decision["outcome"], decision["reason"], decision["from"], decision["to"]) == ("act", "up", 2, 3), decision
    assert decision["text"]
    eventually(lambda: app.target("web")["observed"] == 4, 10, "it goes on to its maximum")
    (told,) = app.post(notification(alert("web", "up")), "?wait=10s")
    assert (told["decision"]["outcome"], told["decision"]["reason"]) == ("none", "at_max")


def test_a_question_changes_nothing(app):
    (told,) = app.post(notification(alert("web", "up")), "?dry_run=true")
    assert (told["decision"]["from"], told["decision"]["to"]) == (2, 3), told
    assert app.get("/api/v1/alerts") == []
    assert app.target("web")["observed"] == 2 and app.history() == []


def test_a_question_leaves_no_trace(app):
    def series():
        return {key: value for key, value in app.metrics().items()
                if key[0] in ("alertscaler_notifications_total", "alertscaler_alerts_received_total")}

    before = series()
    misspelt = notification(alert("wep", "up"))
    for _ in range(2):
        (told,) = app.post(misspelt, "?dry_run=true")
        assert told["result"] == "ignored", told
    assert series() == before
    assert "event=alert.ignored" not in app.process.log()
    app.post(misspelt)
    assert app.process.log().count("event=alert.ignored") == 1, "the real one is told"


def test_what_is_not_ours_is_ignored_and_answered_200(app):
    other = alert("web", "up")
    del other["labels"]["scale_target"], other["labels"]["scale_action"]
    results = app.post(notification(other, alert("nobody", "up"), alert("web", "sideways"), alert("web", "up")))
    assert [each["result"] for each in results] == ["ignored", "ignored", "ignored", "accepted"]
    assert all(each["reason"] for each in results[1:3]), results
    assert "nobody" in results[1]["reason"]


# --- what lasts ---

def test_history_counts_and_alerts_survive(app):
    lab(app).ask_for(4)
    eventually(lambda: app.steps("web") == [("to", 2, 4, "done")], 10, "the step is done")
    eventually(lambda: app.target("web")["state"] == "idle", 10, "nothing is under way")
    before = app.history(), [each["fingerprint"] for each in app.get("/api/v1/alerts")]
    for end in (app.terminate, app.kill):
        end()
        app.start()
        assert (app.history(), [each["fingerprint"] for each in app.get("/api/v1/alerts")]) == before
        assert app.target("web")["observed"] == 4
        assert app.target("web")["last_action"]["id"] == before[0][-1]["id"]


def test_a_dry_run_acts_on_nothing(app):
    app.terminate()
    app.start(options=["--dry-run"])
    lab(app).fire("up")
    lab(app).wait_for_decision("none", "at_max")
    assert app.steps("web") == [("up", 2, 3, "dry_run"), ("up", 3, 4, "dry_run")]
    shown = app.target("web")
    assert (shown["observed"], shown["ready"], shown["desired"], shown["dry_run"]) == (2, 2, 4, True)
    assert app.metric("alertscaler_target_replicas", target="web") == 2
    assert app.metric("alertscaler_target_desired_replicas", target="web") == 4
    lab(app).resolve("up")
    app.terminate()
    app.start(options=[])
    shown = app.target("web")
    assert (shown["observed"], shown["desired"], shown["dry_run"]) == (2, 2, False)
    assert len(app.history()) == 2


def test_two_on_one_storage_or_one_port_are_refused(app, scratch):
    config = scratch.file("second.yml", text=settings(simulated_target()))
    same_storage = run_once("serve", f"--config.file={config}", f"--storage.path={app.storage}",
                            "--web.listen-address=127.0.0.1:0")
    assert same_storage.returncode == 1 and app.storage in same_storage.stderr, same_storage.stderr
    assert "another alertscaler" in same_storage.stderr, same_storage.stderr
    same_port = run_once("serve", f"--config.file={config}", f"--storage.path={scratch.directory('other')}",
                         f"--web.listen-address={app.address}")
    assert same_port.returncode == 1 and app.address in same_port.stderr, same_port.stderr
    assert "in use" in same_port.stderr, same_port.stderr
    (told,) = app.post(notification(alert("web", "up")), "?wait=10s")  # the first is none the worse for it
    assert told["decision"]["outcome"] == "act"


# --- clients that mean no good ---

def connect(app):
    host, port = app.address.split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def check_good_request(app, name):
    """A good notification is answered in time, at its first try."""
    before = time.monotonic()
    (told,) = app.post(notification(alert("web", "hold", name)))
    assert told["result"] == "accepted"
    assert time.monotonic() - before < GOOD_IN_TIME


@contextlib.contextmanager
def many_files(wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, wanted), hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("says", (
    pytest.param(b"", id="that say nothing"),
    pytest.param(b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Le", id="that stop in the middle"),
    pytest.param(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n", id="that stay after their request")))
def test_a_thousand_connections_do_not_stop_the_next_good_request(app, says):
    with many_files(4096), contextlib.ExitStack() as stack:
        for _ in range(1000):
            client = stack.enter_context(connect(app))
            with contextlib.suppress(OSError):  # it may be refused already
                client.sendall(says)
        check_good_request(app, "Amid")
        assert app.request("/-/healthy").status == 200
    check_good_request(app, "After")
    assert app.process.running()


def test_a_byte_a_second_is_cut_off(start_alertscaler):
    app = start_alertscaler(settings(simulated_target()), options=["--web.read-timeout=2s"])
    request = b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    cut_off = threading.Event()
    began = time.monotonic()
    lasted = []

    def drip():
        with connect(app) as client, contextlib.suppress(OSError):
            client.settimeout(1)  # which is how long it waits for an answer before its next byte
            for byte in request * 10:
                client.sendall(bytes([byte]))
                try:
                    while client.recv(4096):
                        pass
                    break  # the server has closed it
                except TimeoutError:
                    continue
        lasted.append(time.monotonic() - began)
        cut_off.set()

    clients = [threading.Thread(target=drip, daemon=True) for _ in range(20)]
    for client in clients:
        client.start()
    check_good_request(app, "Meanwhile")
    for client in clients:
        client.join(60)
    assert len(lasted) == 20 and max(lasted) < 30, lasted
    check_good_request(app, "Afterwards")


def test_a_body_over_the_limit(app):
    limit = 8 << 20
    too_long = json.dumps(notification(alert("web", "up", annotations={"text": "x" * limit})))
    for head in (f"Content-Length: {len(too_long)}", "Transfer-Encoding: chunked"):
        with connect(app) as client:
            client.sendall(f"POST /webhook HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
            with contextlib.suppress(OSError):  # it need not read to the end what it will not take
                if "chunked" in head:
                    for start in range(0, len(too_long), 1 << 16):
                        part = too_long[start:start + (1 << 16)].encode()
                        client.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                    client.sendall(b"0\r\n\r\n")
                else:
                    client.sendall(too_long.encode())
            assert client.recv(64).split()[1] == b"413", head
    assert app.get("/api/v1/alerts") == []
    check_good_request(app, "Afterwards")
    just_fits = notification(alert("web", "up", annotations={"text": "x" * (limit - 4096)}))
    assert app.post(just_fits)[0]["result"] == "accepted"


# --- the end ---

def test_sigterm_ends_it_whatever_is_in_flight(scratch, start, start_alertscaler):
    """An engine that never answers, a client that waits for its decision, one that stopped in the middle of a request,
    one that does not read its answers, and one that just stays."""
    engine = start(SilentEngine, scratch)
    config = settings(compose_target("shop"), simulated_target("lab", replicas=2, startup_delay="1h", timeout="1h"),
                      docker=engine_at(engine.path))
    app = start_alertscaler(config, ready=False)
    lab(app, "lab").ask_for(4)
    eventually(lambda: app.target("lab")["state"] == "scaling", 10, "the lab's action is under way")
    eventually(lambda: engine.connections > 0, 10, "the engine is asked")
    waiting = connect(app)
    body = json.dumps(notification(alert("web", "up")))
    waiting.sendall(f"POST /webhook?wait=60s HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    half, deaf, idle = connect(app), connect(app), connect(app)
    half.sendall(b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    deaf.setblocking(False)
    with contextlib.suppress(OSError):
        while True:
            deaf.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
    idle.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
    assert idle.recv(12) == b"HTTP/1.1 200"
    eventually(lambda: any(each["target"] == "web" for each in app.get("/api/v1/alerts")), 10, "the alert is stored")

    before = time.monotonic()
    assert app.terminate(seconds=10) == 0
    assert time.monotonic() - before < 10
    for client in (waiting, half, deaf, idle):
        client.close()
    # Nothing was lost: the action is still under way, the alert still stands.
    app.start(ready=False)
    eventually(lambda: app.target("lab")["state"] == "scaling", 10, "it goes on with the action")
    assert sorted(each["target"] for each in app.get("/api/v1/alerts")) == ["lab", "web"]
    app.process.signal(signal.SIGINT)
    assert app.process.wait(10) == 0


def test_an_engine_that_never_answers_holds_nobody_else(scratch, start, start_alertscaler):
    engine = start(SilentEngine, scratch)
    app = start_alertscaler(settings(compose_target("shop"), simulated_target("lab", replicas=2),
                                     docker=engine_at(engine.path)), ready=False)
    lab(app, "lab").ask_for(4)
    assert lab(app, "lab").wait_for_action("done")["to"] == 4
    eventually(lambda: engine.path in app.target("web")["decision"]["text"] if app.target("web")["decision"] else
               engine.path in app.request("/-/ready").text, 40, "the silence of the engine is told")


def test_stops_at_once_when_nothing_is_in_flight(app):
    lab(app).ask_for(3)
    eventually(lambda: app.steps("web"), 10, "the step is done")
    before = time.monotonic()
    assert app.terminate() == 0
    assert time.monotonic() - before < 8
