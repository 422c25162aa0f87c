"""A count by hand, pins and pauses, as a person asks for them with curl: durable, carried out once, told in the history."""

import concurrent.futures

import pytest

from rig.eventually import eventually
from rig.notifications import alert, notification
from rig.settings import settings, simulated_target

ROUNDS = 15


@pytest.fixture
def app(start_alertscaler):
    return start_alertscaler(settings(simulated_target(), simulated_target("db", 1)))


def ask(app, method, path, body=None, status=200, headers=None):
    answer = app.request(f"/api/v1/{path}", method, "" if body is None else body, headers)
    assert answer.status == status, f"{method} {path}: {answer.status} {answer.text}"
    return answer.json()


def scale(app, replicas, pin=None, status=200, target="web"):
    body = {"replicas": replicas, **({"pin": pin} if pin else {})}
    return ask(app, "PUT", f"targets/{target}/replicas", body, status)


def wait_for_count(app, replicas, target="web"):
    eventually(lambda: app.target(target)["observed"] == replicas, 20, f"{target} has {replicas} replicas")


def wait_for_reason(app, reason, target="web"):
    return eventually(lambda: (app.target(target)["decision"]["reason"] == reason) and app.target(target)["decision"],
                      10, f"the decision for {target} is {reason}")


def test_a_count_by_hand_is_one_action_and_says_who(app):
    told = scale(app, 5)
    assert told["status"] == "success" and told["data"]["name"] == "web" and "warnings" not in told, told
    eventually(lambda: app.steps("web") == [("manual", 2, 5, "done")], 10, "it was carried out")
    (entry,) = app.history("web")
    assert entry["cause"] == {"manual": {"user": "127.0.0.1"}}, entry
    assert "user=127.0.0.1" in app.process.log()
    assert scale(app, 12)["warnings"], "outside of the bounds it warns"
    wait_for_count(app, 12)
    app.post(notification(alert("web", "down")))  # and alerts lead back inside
    eventually(lambda: app.target("web")["observed"] == 1, 10, "alerts have it again")
    assert app.steps("web")[2] == ("down", 12, 10, "done"), app.steps("web")


def test_a_pin_wins_over_alerts_until_it_ends(app):
    pinned = scale(app, 4, "20s")["data"]
    assert pinned["pin"]["replicas"] == 4 and pinned["pin"]["user"] == "127.0.0.1", pinned
    app.post(notification(alert("web", "to", annotations={"scale_replicas": "7"}), alert("db", "up")))
    decision = wait_for_reason(app, "pinned")
    assert decision["outcome"] == "blocked" and decision["until"] == pinned["pin"]["until"], decision
    assert "pinned at 4 until" in decision["text"], decision
    assert app.target("web")["state"] == "pinned"
    wait_for_count(app, 10, "db")  # the others are none the worse for it
    wait_for_count(app, 7)
    assert app.steps("web") == [("manual", 2, 4, "done"), ("to", 4, 7, "done")]
    assert app.target("web")["pin"] is None


def test_a_pause_ends_by_itself_and_alerts_are_tracked_meanwhile(app):
    paused = ask(app, "POST", "targets/web/pause", {"for": "20s"})["data"]
    assert paused["state"] == "paused" and paused["pause"]["until"], paused
    assert app.metric("alertscaler_target_paused", target="web") == 1
    assert app.metric("alertscaler_target_paused", target="db") == 0
    firing = alert("web", "up")
    app.post(notification(firing))
    app.post(notification(alert("web", "to", annotations={"scale_replicas": "6"})))
    wait_for_reason(app, "paused")
    assert "paused until" in scale(app, 3, status=409)["error"]
    app.post(notification({**firing, "status": "resolved"}))
    assert app.steps("web") == []
    wait_for_count(app, 6)  # what then stands
    assert app.steps("web") == [("to", 2, 6, "done")]
    assert app.metric("alertscaler_target_paused", target="web") == 0


def test_all_are_paused_and_resumed(app):
    ask(app, "POST", "pause")
    assert app.request("/api/v1/status").json()["data"]["pause"]["until"] is None
    ask(app, "POST", "targets/db/pause")
    app.post(notification(alert("web", "up"), alert("db", "up")))
    for target in ("web", "db"):
        wait_for_reason(app, "paused", target)
    assert ask(app, "POST", "targets/web/resume")["warnings"]
    for end in (app.terminate, app.kill):  # durable
        end()
        app.start()
        wait_for_reason(app, "paused")
        assert app.history() == []
    (warning,) = ask(app, "POST", "resume")["warnings"]
    assert warning.startswith("db stays paused"), warning
    assert app.request("/api/v1/status").json()["data"]["pause"] is None
    wait_for_count(app, 10)
    ask(app, "POST", "targets/db/resume")
    wait_for_count(app, 10, "db")


def test_a_drain_that_fires_would_undo_it(app):
    app.post(notification(alert("web", "drain", "HostDown")))
    wait_for_count(app, 0)
    assert "HostDown is firing" in scale(app, 3, status=409)["error"]
    scale(app, 3, "1h")
    wait_for_count(app, 3)
    ask(app, "POST", "targets/web/resume")
    wait_for_count(app, 0)


def test_what_is_no_order_changes_nothing(app):
    for body in ({}, {"replicas": -1}, {"replicas": 5, "for": "1h"}, {"replicas": 5, "pin": "soon"}, "no JSON", "[]"):
        assert ask(app, "PUT", "targets/web/replicas", body, 400)["errorType"] == "bad_data"
    assert ask(app, "PUT", "targets/wep/replicas", {"replicas": 1}, 404)["error"].endswith("did you mean web?")
    ask(app, "PUT", "targets/web/replicas", {"replicas": 5}, 403, {"Origin": "http://evil.example"})
    ask(app, "POST", "pause", None, 403, {"Sec-Fetch-Site": "cross-site"})
    for path, body in (("/webhook", notification(alert("web", "up"))), ("/api/v2/alerts", [])):
        for header in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = app.request(path, "POST", body, headers={"Content-Type": "text/plain", **header})
            assert answer.status == 403 and "another site" in answer.text, answer.text
    ask(app, "PUT", "targets/web/replicas", '{"replicas": 5}', 415, {"Content-Type": "text/plain"})
    ask(app, "PUT", "targets/web/replicas", '{"replicas": 5, "pin": "' + "x" * 100_000 + '"}', 413)
    assert app.target("web")["pin"] is None and app.target("web")["observed"] == 2 and app.history() == []


def test_killed_around_a_command_nothing_is_lost_and_nothing_is_done_twice(app):
    """kill -9 the moment that it was answered; whatever had become of it by then, it happens once."""
    count = 2
    for number in range(ROUNDS):
        count = 3 + (number * 5) % 8
        scale(app, count)
        app.kill()
        app.start()
        wait_for_count(app, count)
    eventually(lambda: app.target("web")["state"] == "idle", 10, "nothing is under way")
    app.check_journal()
    done = [entry["to"] for entry in app.history("web") if entry["outcome"] == "done"]
    assert done == [3 + (number * 5) % 8 for number in range(ROUNDS)], app.steps("web")


def test_many_at_once_end_with_the_last(app):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for told in pool.map(lambda count: scale(app, count), [1 + number % 10 for number in range(80)]):
            assert told["status"] == "success"
    scale(app, 9)
    wait_for_count(app, 9)
    eventually(lambda: app.target("web")["state"] == "idle", 10, "nothing is under way")
    app.check_journal()
