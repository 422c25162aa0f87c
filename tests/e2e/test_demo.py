"""compose/demo, as somebody runs it who has just found the project."""

import os
import re
import signal
import subprocess
import time

from rig.alertscaler import binary

DEMO = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "compose", "demo")


def test_shows_a_scale_up_soon_and_cleans_up(tmp_path, requirements):
    build = os.path.dirname(os.path.dirname(binary()))
    with subprocess.Popen([DEMO, "--no-build", f"--build-dir={build}", "--duration=400"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                          env={**os.environ, "TMPDIR": str(tmp_path)}) as demo:
        started, seen = None, []
        for line in demo.stdout:
            seen.append(line)
            if line.startswith("Running"):
                started = time.monotonic()
            if re.search(r"scale up 1 -> 3 done, because of Web\w+", line):
                break
        took = time.monotonic() - (started or 0)
        demo.send_signal(signal.SIGINT)
        seen += demo.stdout.readlines()
        status = demo.wait(30)
    told = "".join(seen)
    assert re.search(r"alert fires +Web\w+ \(up\)", told), told
    assert started and took < 240, f"the first scale-up took {took:.0f} s:\n{told}"
    assert status == 130, told
    assert os.listdir(tmp_path) == []
    left = subprocess.run(["pgrep", "--full", str(tmp_path)], capture_output=True, text=True, check=False)
    assert left.stdout == "", left.stdout
