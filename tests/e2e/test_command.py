"""Targets that are scaled by two programs of the user's: quick and slow, failing, noisy, forking, killed half-way."""

import os
import signal

import pytest

from rig.alertscaler import sanitized
from rig.eventually import eventually
from rig.notifications import alert, notification
from rig.settings import settings, simulated_target

COUNT = 'cat "$POOL.count"'
SCALE = 'echo "$1" > "$POOL.count.new"; mv "$POOL.count.new" "$POOL.count"; echo "$*" >> "$POOL.calls"'
QUICK = {"min": 1, "max": 10, "up": {"cooldown": "0s"}, "down": {"cooldown": "0s"}, "timeout": "40s"}


class Pool:
    """The programs of one target, beside the configuration, and what they work on."""

    def __init__(self, scratch, name="legacy", count=2):
        self._scratch = scratch
        self.name = name
        self.folder = scratch.directory("alertscaler")
        self._write(f"{name}.count", f"{count}\n")
        self.script("observe", COUNT)
        self.script("scale", SCALE)

    def target(self, **more):
        deadline = {"deadline": more.pop("deadline")} if "deadline" in more else {}
        programs = {"observe": [f"./{self.name}-observe"], "env": {"POOL": self.name, "TEST": self.folder}, **deadline,
                    "scale": [f"./{self.name}-scale", "{replicas}", "of {target}"]}
        return {"name": self.name, "command": programs, **QUICK, **more}

    def _write(self, name, text, mode=0o644):
        path = self._scratch.file("alertscaler", name + ".new", text=text, mode=mode)
        os.replace(path, path.removesuffix(".new"))  # a script that runs cannot be written to

    def script(self, which, text):
        self._write(f"{self.name}-{which}", f"#!/bin/sh\n{text}\n", 0o755)

    def read(self, what):
        try:
            with open(os.path.join(self.folder, f"{self.name}.{what}"), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    @property
    def count(self):
        return int(self.read("count"))

    def running(self):
        """The process ids of programs of this pool: they carry its folder in their environment."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as environ, open(f"/proc/{pid}/stat", "rb") as stat:
                    ours = f"TEST={self.folder}\0".encode() in environ.read()
                    if ours and stat.read().rpartition(b")")[2].split()[0] != b"Z":
                        found.append(int(pid))
            except OSError:
                continue
        return found


@pytest.fixture
def pool(scratch):
    made = Pool(scratch)
    yield made
    for pid in made.running():
        os.kill(pid, signal.SIGKILL)


def steps(app, expected, target="legacy", seconds=30):
    eventually(lambda: app.steps(target) == expected, seconds, f"the history is {expected}")


def own_files(app):
    return len(os.listdir(f"/proc/{app.process.pid}/fd"))


def own_threads(app):
    return len(os.listdir(f"/proc/{app.process.pid}/task"))


def own_children(app):
    children = []
    for thread in os.listdir(f"/proc/{app.process.pid}/task"):
        with open(f"/proc/{app.process.pid}/task/{thread}/children", encoding="utf-8") as file:
            children += file.read().split()
    return children


def test_it_scales_up_and_down_and_to_zero(start_alertscaler, pool):
    app = start_alertscaler(settings(pool.target(min=0)))
    firing = alert("legacy", "to", annotations={"scale_replicas": "5"})
    app.post(notification(firing))
    steps(app, [("to", 2, 5, "done")])
    app.post(notification({**firing, "annotations": {"scale_replicas": "0"}}))
    steps(app, [("to", 2, 5, "done"), ("to", 5, 0, "done")])
    app.post(notification({**firing, "annotations": {"scale_replicas": "3"}}))
    steps(app, [("to", 2, 5, "done"), ("to", 5, 0, "done"), ("to", 0, 3, "done")])
    assert pool.read("calls") == "5 of legacy\n0 of legacy\n3 of legacy\n"
    shown = app.target("legacy")
    assert shown["backend"] == "command" and shown["ref"] == {"observe": "./legacy-observe", "scale": "./legacy-scale"}
    eventually(lambda: (app.target("legacy")["observed"], app.target("legacy")["ready"]) == (3, 3), 10, "it is seen")
    eventually(lambda: app.metric("alertscaler_target_replicas", target="legacy") == 3, 10, "the metric agrees")


def test_a_slow_one_holds_nobody_up_and_may_take_its_time(start_alertscaler, pool):
    os.mkfifo(os.path.join(pool.folder, "go"))
    pool.script("scale", "read line < go\n" + SCALE)
    app = start_alertscaler(settings(pool.target(), simulated_target("web", 2), max_parallel=1))
    app.post(notification(alert("legacy", "to", annotations={"scale_replicas": "4"})))
    eventually(lambda: app.target("legacy")["state"] == "scaling" and pool.running(), 10, "its program runs")
    app.post(notification(alert("web", "to", annotations={"scale_replicas": "6"})))
    steps(app, [("to", 2, 6, "done")], "web", 10)
    assert app.target("legacy")["state"] == "scaling" and app.target("legacy")["desired"] == 4
    with open(os.path.join(pool.folder, "go"), "w", encoding="utf-8") as go:
        go.write("on\n")
    steps(app, [("to", 2, 4, "done")])
    assert pool.read("calls") == "4 of legacy\n"


def test_one_that_fails_is_tried_again_and_says_why(start_alertscaler, pool):
    pool.script("scale", "echo 'fatal: [worker-1]: UNREACHABLE!' >&2; exit 4")
    app = start_alertscaler(settings(pool.target()))
    app.post(notification(alert("legacy", "to", annotations={"scale_replicas": "4"})))
    eventually(lambda: len(app.history("legacy")) >= 2, 20, "it is tried again")
    first = app.history("legacy")[0]
    assert first["outcome"] == "failed", first
    assert first["error"] == "scale with ./legacy-scale: exit status 4: fatal: [worker-1]: UNREACHABLE!", first
    eventually(lambda: app.target("legacy")["decision"]["reason"] == "backoff", 20, "it waits for its next try")
    pool.script("scale", SCALE)
    eventually(lambda: app.steps("legacy")[-1] == ("to", 2, 4, "done"), 30, "then it works")


def test_what_is_no_count_is_no_decision(start_alertscaler, pool):
    pool.script("observe", 'echo "3 workers"')
    app = start_alertscaler(settings(pool.target()), ready=False)
    app.post(notification(alert("legacy", "to", annotations={"scale_replicas": "4"})))
    eventually(lambda: 'found "3 workers"' in (app.target("legacy")["error"] or ""), 10, "it says so")
    assert app.target("legacy")["state"] == "unknown" and app.target("legacy")["observed"] is None
    assert app.history("legacy") == [] and pool.read("calls") == ""
    pool.script("observe", COUNT)
    steps(app, [("to", 2, 4, "done")])


def test_a_count_that_hangs_is_ended(start_alertscaler, pool):
    pool.script("observe", 'echo $$ >> "$POOL.pids"; sleep 600')
    app = start_alertscaler(settings(pool.target(deadline="1s")), ready=False)
    eventually(lambda: len(pool.read("pids").split()) >= 2, 30, "it is asked again")
    eventually(lambda: "ended at its deadline" in (app.target("legacy")["error"] or ""), 10, "it says so")
    pool.script("observe", COUNT)
    eventually(lambda: app.target("legacy")["observed"] == 2 and not pool.running(), 30, "then it is known")


def test_nothing_leaks(start_alertscaler, pool):
    """100 MB of output, failures, children that outlive their program: files, threads, processes and memory stay."""
    app = start_alertscaler(settings(pool.target(max=100, timeout="2m")))
    app.post(notification(alert("legacy", "to", annotations={"scale_replicas": "3"})))
    steps(app, [("to", 2, 3, "done")])
    idle = own_files(app), own_threads(app)
    with open(f"/proc/{app.process.pid}/status", encoding="utf-8") as status:
        rss = int(status.read().partition("VmRSS:")[2].split()[0])

    pool.script("scale", f"{SCALE}\nsleep 600 & (trap '' TERM; sleep 600) & timeout 600 sleep 600 &\n"
                         "head -c 100000000 /dev/zero | tr '\\0' x; head -c 1000000 /dev/zero | tr '\\0' y >&2")
    for count in range(4, 7):
        answer = app.request("/api/v1/targets/legacy/replicas", "PUT", {"replicas": count})
        assert answer.status == 200, answer.text
        eventually(lambda: app.steps("legacy")[-1][2:] == (count, "done"), 60, f"scaled to {count}")
    pool.script("scale", "head -c 100000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/zero | tr '\\0' z >&2; exit 3")
    app.request("/api/v1/targets/legacy/replicas", "PUT", {"replicas": 7})
    entry = eventually(lambda: (app.steps("legacy")[-1][3] == "failed") and app.history("legacy")[-1], 30, "it failed")
    assert entry["error"].startswith("scale with ./legacy-scale: exit status 3: …zzz") and len(entry["error"]) < 800

    eventually(lambda: not pool.running() and not own_children(app), 20, "all of its processes have ended")
    eventually(lambda: own_threads(app) <= idle[1] and own_files(app) <= idle[0], 20, "its files and threads are as before")
    with open(f"/proc/{app.process.pid}/status", encoding="utf-8") as status:
        grown = int(status.read().partition("VmRSS:")[2].split()[0]) - rss
    assert sanitized() or grown < 8192, f"{grown} KiB more"


def test_it_is_ended_at_the_timeout_with_all_that_it_started(start_alertscaler, pool):
    pool.script("scale", "sleep 600 & timeout 600 sleep 600 & sh -c 'trap \"\" TERM; sleep 600; sleep 600'")
    app = start_alertscaler(settings(pool.target(timeout="1s")))
    answer = app.request("/api/v1/targets/legacy/replicas", "PUT", {"replicas": 5})
    assert answer.status == 200, answer.text
    eventually(lambda: app.steps("legacy") == [("manual", 2, 5, "timeout")], 20, "it timed out")
    eventually(lambda: not pool.running(), 20, "its processes have ended")


def test_another_count_by_hand_overtakes_it(start_alertscaler, pool):
    pool.script("scale", f'echo "$1" >> "$POOL.started"; [ "$1" = 5 ] && sleep 600\n{SCALE}')
    app = start_alertscaler(settings(pool.target()))
    def by_hand(count):
        answer = app.request("/api/v1/targets/legacy/replicas", "PUT", {"replicas": count})
        assert answer.status == 200, answer.text

    by_hand(5)
    eventually(lambda: pool.read("started") == "5\n", 10, "its program runs")
    by_hand(7)
    steps(app, [("manual", 2, 5, "interrupted"), ("manual", 2, 7, "done")])
    assert pool.read("calls") == "7 of legacy\n"
    eventually(lambda: not pool.running(), 10, "nothing of it is left")  # a count may be under way


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_when_we_go_it_is_ended_and_then_decided_again(start_alertscaler, pool, end):
    pool.script("scale", 'echo $$ >> "$POOL.pids"; trap "" TERM PIPE; sleep 600; sleep 600')
    app = start_alertscaler(settings(pool.target()))
    app.post(notification(alert("legacy", "to", annotations={"scale_replicas": "4"})))
    eventually(lambda: pool.read("pids"), 10, "its program runs")
    if end == "terminate":
        assert app.terminate() == 0
        eventually(lambda: not pool.running(), 10, "it goes with us")
    else:
        app.kill()
        assert pool.running()
    # One that has ended is a zombie until whoever inherited it looks.
    alone = 'case "$(cut -d" " -f3 "/proc/$(head -1 "$POOL.pids")/stat" 2>/dev/null)" in ""|Z|X) ;; *) false ;; esac'
    pool.script("scale", f'{{ {alone}; }} || echo two at once > "$POOL.bad"\n{SCALE}')
    app.start(ready=False)
    steps(app, [("to", 2, 4, "interrupted"), ("to", 2, 4, "done")])
    assert pool.count == 4 and pool.read("bad") == ""
    eventually(lambda: not pool.running(), 10, "nothing of it is left")
    app.check_journal()


def test_a_reload_changes_the_programs(start_alertscaler, pool):
    app = start_alertscaler(settings(pool.target()))
    target = pool.target()
    target["command"]["scale"] = ["/bin/sh", "-c", "echo $1 > legacy.count", "sh", "{replicas}"]
    app.configure(settings(target))
    assert app.request("/-/reload", "POST").status == 200
    app.post(notification(alert("legacy", "to", annotations={"scale_replicas": "4"})))
    steps(app, [("to", 2, 4, "done")])
    assert app.target("legacy")["ref"]["scale"] == "/bin/sh" and pool.read("calls") == ""
