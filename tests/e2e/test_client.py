"""The client commands, as somebody uses them in a terminal."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios

import pytest

from rig import eventually
from rig.alertscaler import binary, run_once
from rig.notifications import alert, notification
from rig.processes import Process
from rig.settings import settings, simulated_target


@pytest.fixture
def app(start_alertscaler):
    return start_alertscaler(settings(simulated_target(replicas=2, max=4), simulated_target("other-target", replicas=1)))


def client(app, *arguments):
    return run_once(*arguments, env={"ALERTSCALER_URL": app.url})


def lines(ended):
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def in_a_terminal(app, columns, *arguments, env=None):
    """What it prints on a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([binary(), *arguments], stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.STDOUT,
                          env={**os.environ, "ALERTSCALER_URL": app.url, **(env or {})}) as process:
        os.close(theirs)
        out = b""
        try:
            while part := os.read(ours, 65536):
                out += part
        except OSError:  # the terminal's other end is closed
            pass
        assert process.wait(20) == 0, out
    os.close(ours)
    return out.decode().replace("\r\n", "\n")


def test_send_says_what_became_of_it(app):
    # As the runbook of AlertscalerNoHeartbeat asks whether anything would be taken: it must leave nothing behind.
    assert lines(client(app, "send", "--target=web", "--action=hold", "--resolved"))[0].startswith(
        "SentByHand (resolved): duplicate: not active; nothing to do")
    assert app.get("/api/v1/alerts") == []
    assert lines(client(app, "send", "--target", "web")) == [
        "SentByHand (firing): accepted; scale up 2 -> 3: SentByHand is firing"]
    eventually(lambda: app.target("web")["observed"] == 4, 20, "it steps for as long as the alert fires")
    assert lines(client(app, "send", "--target=web", "--resolved"))[0].startswith("SentByHand (resolved): accepted; ")
    told = lines(client(app, "send", "--target=web", "--action=to", "--replicas=1", "--label", "alertname=Night",
                        "--label=team=a", "--annotation=summary=so few"))
    assert told == ["Night (firing): accepted; scale 4 -> 1: Night is firing"], told
    (alert,) = app.get("/api/v1/alerts")
    assert alert["labels"]["team"] == "a" and alert["annotations"]["summary"] == "so few", alert
    assert alert["source"] == "manual"


def test_send_to_what_is_not_there_fails(app):
    ended = client(app, "send", "--target=wep")
    assert ended.returncode == 1
    assert 'ignored: alert "SentByHand": scale_target is "wep"' in ended.stdout and 'did you mean "web"?' in ended.stdout
    assert client(app, "send").returncode == 2
    ended = client(app, "send", "--target=web", "--action=upp")
    assert ended.returncode == 2 and "expected up, down, to, drain or hold" in ended.stderr


def test_send_takes_the_labels_that_the_server_reads(start_alertscaler):
    app = start_alertscaler(settings(simulated_target(), labels={"action": "do", "target": "where"}))
    assert lines(client(app, "send", "--target=web"))[0].startswith("SentByHand (firing): accepted; scale up 2 -> 3")


def test_status(app):
    header, other, web = lines(client(app, "status"))
    assert header.split() == ["TARGET", "STATE", "READY", "DESIRED", "BOUNDS", "DECISION"]
    assert other.startswith("other-target  idle   1/1")
    assert re.match(r"web +idle +2/2 +2 +1\.\.4 +nothing to do", web), web
    page = client(app, "status", "web").stdout
    assert re.search(r"^Backend +simulated", page, re.MULTILINE), page
    assert json.loads(client(app, "status", "--format=json").stdout)[1]["name"] == "web"
    ended = client(app, "status", "wbe")
    assert ended.returncode == 1 and "did you mean web?" in ended.stderr, ended.stderr


def test_a_table_fits_its_terminal(app):
    out = in_a_terminal(app, 60, "status")
    for line in re.sub(r"\x1b\[\d*m", "", out).splitlines():
        assert len(line) <= 60 and line == line.rstrip(), line
    assert "…" in out and "\x1b[32midle" in out, out
    assert "\x1b" not in in_a_terminal(app, 60, "status", env={"NO_COLOR": "1"})
    assert "nothing to do: no alert asks for anything" in in_a_terminal(app, 200, "status")


@pytest.fixture
def follow(scratch, start):
    """`history --follow` with further arguments, whose log is what it prints."""
    def closing(*args):
        process = Process(*args)
        process.close = process.kill
        return process

    def follow_one(app, *arguments):
        follower = start(closing, "follower", [binary(), "history", "--follow", f"--url={app.url}", *arguments],
                         scratch.file("follower.log"))
        follower.wait_for_log("^TIME", 20)
        return follower

    return follow_one


def test_history_and_its_followers(app, follow):
    follower = follow(app, "web")
    lines(client(app, "send", "--target=web", "--action=to", "--replicas=3"))
    follower.wait_for_log(r"web +to +2 -> 3 +done +[\d.]+s +SentByHand$", 20)
    app.kill()  # the follower waits for it, and shows nothing twice
    app.start()
    lines(client(app, "send", "--target=web", "--action=to", "--replicas=4"))
    follower.wait_for_log(r"web +to +3 -> 4 +done", 30)
    assert len(re.findall(r"2 -> 3 +done", follower.log())) == 1, follower.log()

    header, first, second = lines(client(app, "history"))
    assert header.split() == ["TIME", "TARGET", "ACTION", "REPLICAS", "OUTCOME", "TOOK", "CAUSE"]
    assert "2 -> 3" in first and "3 -> 4" in second
    assert len(lines(client(app, "history", "web", "--limit=1", "--since=1h"))) == 2
    assert [entry["to"] for entry in json.loads(client(app, "history", "--format=json").stdout)] == [4, 3]


def test_a_follower_leaves_nothing_out(start_alertscaler, follow):
    quick = [f"quick-{i}" for i in range(5)]
    app = start_alertscaler(settings(simulated_target("slow", startup_delay="2s"), *(simulated_target(name) for name in quick)))
    follower = follow(app, "--limit=1")
    app.post(notification(alert("slow", "to", annotations={"scale_replicas": "3"})))
    eventually(lambda: app.target("slow")["state"] == "scaling" or app.history("slow"), 20, "a long action has begun")
    app.post(notification(*(alert(name, "to", annotations={"scale_replicas": "3"}) for name in quick)))
    for name in (*quick, "slow"):  # all in one pause, and one that ends after others that it began before
        follower.wait_for_log(rf"{name} +to +2 -> 3 +done", 30)
    assert len(re.findall(r" done ", follower.log())) == 6, follower.log()


def test_what_is_wrong_is_said(app, scratch, start_alertscaler):
    ended = run_once("status", "--url=http://127.0.0.1:1")
    assert ended.returncode == 1
    assert "no alertscaler answers at http://127.0.0.1:1" in ended.stderr and "--url" in ended.stderr, ended.stderr
    assert run_once("status", "--url=127.0.0.1:9095").returncode == 1
    token = scratch.file("token", text="secret-token\n")
    web = scratch.file("web.yml", text="bearer_token_file: token\n")
    guarded = start_alertscaler(settings(simulated_target()), name="guarded", options=[f"--web.config.file={web}"])
    ended = run_once("status", f"--url={guarded.url}")
    assert ended.returncode == 1 and "--token.file" in ended.stderr, ended.stderr
    wrong = scratch.file("wrong", text="another\n")
    ended = run_once("status", f"--url={guarded.url}", f"--token.file={wrong}")
    assert ended.returncode == 1 and "does not take this token" in ended.stderr, ended.stderr
    assert "another" not in ended.stderr
    assert lines(run_once("status", f"--url={guarded.url}/", f"--token.file={token}"))[1].startswith("web")


def test_a_count_by_hand_and_a_pause(app):
    ended = client(app, "scale", "web", "5", "--pin=1h")
    assert ended.returncode == 0, ended.stderr
    assert "warning: " in ended.stderr and "max" in ended.stderr, ended.stderr  # 4
    assert re.search(r"^Pinned until +20", ended.stdout, re.MULTILINE), ended.stdout
    eventually(lambda: app.target("web")["observed"] == 5, 20, "the count is there, past max")
    assert re.search(r" manual +2 -> 5 +done +\S+ +by hand: ", client(app, "history", "web").stdout)
    assert client(app, "resume", "web").returncode == 0
    assert client(app, "pause", "--for=1h").returncode == 0
    assert re.search(r"^web +paused", client(app, "status").stdout, re.MULTILINE)
    by_all = re.compile(r"^All targets are paused until 20\S+Z, by 127\.0\.0\.1; `alertscaler resume` ends it\.$", re.MULTILINE)
    for command in (("status",), ("status", "web")):
        assert by_all.search(client(app, *command).stdout), command
    assert isinstance(json.loads(client(app, "status", "--format=json").stdout), list), "for scripts it is as ever"
    ended = client(app, "scale", "web", "3")
    assert ended.returncode == 1 and "paused" in ended.stderr, ended.stderr
    assert client(app, "resume").returncode == 0
    assert re.search(r"^Paused +until resumed, by 127\.0\.0\.1", client(app, "pause", "web").stdout, re.MULTILINE)
    assert "All targets" not in client(app, "status", "web").stdout
    assert "Paused" not in client(app, "resume", "web").stdout
    assert client(app, "scale", "web", "3").returncode == 0
    eventually(lambda: app.target("web")["observed"] == 3, 20, "it acts again")
    assert client(app, "scale", "web", "-1").returncode == 2
    for wrong in ("-1", "1.5", "many"):
        ended = client(app, "scale", "web", "--", wrong)
        assert ended.returncode == 2, ended.stdout
        assert f'REPLICAS: expected a whole number, 0 or more, found "{wrong}"' in ended.stderr, ended.stderr
    assert client(app, "pause", "web", "--for=soon").returncode == 2
    assert client(app, "pause", "nobody").returncode == 1


def complete(app, *words):
    """What bash offers for the last of these words."""
    script = """source <("$BIN" completion bash); alertscaler() { "$BIN" "$@"; }
        compopt() { :; }
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _alertscaler; printf '%s\\n' "${COMPREPLY[@]}" """
    ended = subprocess.run(["bash", "-c", script, "bash", "alertscaler", *words], text=True, capture_output=True,
                           check=False, env={**os.environ, "BIN": binary(), "ALERTSCALER_URL": app.url}, timeout=30)
    assert ended.stderr == "", ended.stderr
    return ended.stdout.split()


def test_completion_for_bash(app):
    assert complete(app, "sta") == ["status"]
    assert complete(app, "status", "") == ["other-target", "web"]
    assert complete(app, "send", "--target", "=", "w") == ["web"]
    assert complete(app, "send", "--action", "=", "d") == ["down", "drain"]
    assert complete(app, "send", "--tar") == ["--target="]
    assert "--follow" in complete(app, "history", "--")
    assert "--storage.path=" in complete(app, "serve", "--sto")


BUSY = notification(alert("web", "up", name="Busy", annotations={"scale_step": "5"}), alert("nobody", "up", name="Lost"))


def test_explain_by_the_files_alone(scratch):
    config = scratch.file("alertscaler.yml", text=settings(simulated_target(max=6, up={"cooldown": "30s"})))
    payload = scratch.file("payload.json", text=json.dumps(BUSY))
    explain = ["explain", payload, f"--config.file={config}"]
    told = lines(run_once(*explain, "--observed=web=2"))
    assert re.match(r"Busy +firing +its labels scale_action and scale_target +accepted, web: up$", told[1]), told
    assert re.match(r"Lost +firing +ignored: .*no such target", told[2]), told
    assert told[4] == "web: scale up 2 -> 6: Busy is firing", told
    assert any(re.match(r"  bounds +open +1\.\.6: 2 there, 7 asked for, 6 allowed$", line) for line in told), told
    ended = run_once(*explain)
    assert ended.returncode == 1 and "--observed web=N" in ended.stderr, ended.stderr
    assert run_once(*explain, "--observed=wbe=2").returncode == 1
    gates = json.loads(run_once(*explain, "--observed=web=6", "--format=json").stdout)["alerts"][0]["gates"]
    assert [gate["gate"] for gate in gates if gate["verdict"] == "closed"] == ["bounds"], gates
    broken = scratch.file("broken.json", text="{")
    ended = run_once("explain", broken, f"--config.file={config}", "--observed=web=1")
    assert ended.returncode == 1 and "broken.json" in ended.stderr, ended.stderr


def test_explain_against_a_server(scratch, start_alertscaler):
    app = start_alertscaler(settings(simulated_target(replicas=2, max=6, up={"cooldown": "1h"})))
    payload = scratch.file("payload.json", text=json.dumps(BUSY))
    lines(client(app, "send", "--target=web"))
    eventually(lambda: app.target("web")["state"] == "postponed", 20, "one step is done, and its cooldown has begun")
    told = "\n".join(lines(run_once("explain", payload, f"--url={app.url}")))
    assert re.search(r"^web: scale up 3 -> 6 waits: cooldown until", told, re.MULTILINE), told
    assert re.search(r"^  cooldown +closed +up\.cooldown 1h until .*Z; down\.cooldown 0s", told, re.MULTILINE), told
    assert len(app.history("web")) == 1 and len(app.get("/api/v1/alerts")) == 1  # nothing came of it
    assert app.request("/webhook?explain=true", "POST", BUSY).status == 400
    ended = run_once("explain", payload, f"--url={app.url}", "--observed=web=3")
    assert ended.returncode == 2 and "leave out one of the two" in ended.stderr, ended.stderr


def test_help_is_about_the_command_that_was_asked_for():
    everything, resume = run_once("--help").stdout, run_once("resume", "--help").stdout
    assert "Try it: " in everything and "Try it: " not in resume
    assert "--for " not in resume and run_once("resume", "web", "--for=1h").returncode == 2
