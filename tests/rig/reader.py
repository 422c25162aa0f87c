"""Somebody who reads a guide and types what it says, at one prompt, in a copy of the repository."""

import os
import shlex
import shutil

from rig.alertscaler import binary
from rig.eventually import eventually
from rig.guides import REPOSITORY
from rig.processes import Process

# What is typed is in N.sh, what it prints in N.out, how it ended in N.status. Variables and functions stay.
_PROMPT = """
cd "$1" && exec 3<>"$0/prompt"
set -o pipefail
while read -r -u 3 __number; do
  source "$0/$__number.sh" > "$0/$__number.out" 2>&1 < /dev/null
  echo $? > "$0/$__number.new"; mv "$0/$__number.new" "$0/$__number.status"
done
"""

# A server goes on in the background, and the one before is ended, as Ctrl-C would.
_PROGRAM = """#!/bin/bash
case ${1:---} in
  --help | --version) exec PROGRAM "$@" ;;
  serve | --*) ;;
  *) exec PROGRAM "$@" ;;
esac
if [ -e FOLDER/pid ]; then
  before=$(cat FOLDER/pid)
  kill "$before" 2>/dev/null
  while kill -0 "$before" 2>/dev/null; do sleep 0.05; done
fi
: > FOLDER/server.log
setsid PROGRAM "$@" >> FOLDER/server.log 2>&1 < /dev/null 3<&- &
server=$!
echo $server > FOLDER/pid
until grep -q event=listening FOLDER/server.log; do
  kill -0 $server 2>/dev/null || { cat FOLDER/server.log; exit 1; }
  sleep 0.05
done
"""


class Reader:
    """`namespaces` are where the reader's machine is (ports are free there, and a server ends with them), None is here.

    `socket` is what is to be its /var/run/docker.sock; `path` are folders of programs that come first.
    """

    def __init__(self, scratch, namespaces=None, socket=None, path=(), env=None):
        self._notes = scratch.directory("reader")
        self.folder = os.path.join(scratch.path, "alertscaler")
        shutil.copytree(REPOSITORY, self.folder, symlinks=True,
                        ignore=lambda folder, _: ["build", ".git", ".cache"] if folder == REPOSITORY else [])
        home = scratch.directory("home")
        # To a person a 404 is a failure.
        scratch.file("home", ".curlrc", text="fail-with-body\nno-progress-meter\n")
        program = scratch.file("bin", "alertscaler", mode=0o755,
                               text=_PROGRAM.replace("PROGRAM", shlex.quote(binary())).replace("FOLDER", self._notes))
        os.mkfifo(os.path.join(self._notes, "prompt"))
        argv = ["bash", "--norc", "-c", _PROMPT, self._notes, self.folder]
        if socket:
            # /run of its own: nothing of the machine is touched.
            argv = ["unshare", "--mount", "--propagation=private", "bash", "-c",
                    'mount -t tmpfs tmpfs /run && touch /run/docker.sock && mount --bind "$0" /run/docker.sock && exec "$@"',
                    socket, *argv]
        self._shell = Process("reader", namespaces.command(argv) if namespaces else argv, scratch.file("reader.log"), {
            "HOME": home, "PATH": os.pathsep.join([os.path.dirname(program), *path, os.environ["PATH"], "/usr/sbin"]),
            **(env or {})})
        self._prompt = open(os.path.join(self._notes, "prompt"), "w", encoding="utf-8")  # pylint: disable=consider-using-with
        self._typed = 0

    def path(self, name):
        """Of a file in the folder where the reader is at first."""
        return os.path.join(self.folder, name)

    def type(self, text, seconds=300, endless=False):
        """Types a command; its exit status and what it printed. An endless one is ended when it has printed something."""
        if endless:
            self._start(f"{text.split(' # ')[0]} &")
            out = self._file("out")
            eventually(lambda: os.path.exists(out) and os.path.getsize(out), seconds, f"{text} prints something")
            with open(out, encoding="utf-8") as printed:
                told = printed.read()
            assert self.type("kill $!; wait")[0] is not None
            return 0, told
        self._start(text)
        status = self._file("status")
        try:
            eventually(lambda: os.path.exists(status), seconds, f"this has ended: {text}")
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self._told()}\n{self.server_log()}") from None
        with open(status, encoding="utf-8") as ended:
            return int(ended.read()), self._told()

    def server_log(self):
        path = os.path.join(self._notes, "server.log")
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def close(self):
        pid = f"{self._notes}/pid"
        if os.path.exists(pid) and self._shell.running():
            self.type(f"kill $(cat {pid}); while kill -0 $(cat {pid}); do sleep 0.05; done")
        self._prompt.close()
        self._shell.kill()

    def _start(self, text):
        self._typed += 1
        with open(self._file("sh"), "w", encoding="utf-8") as script:
            script.write(text + "\n")
        self._prompt.write(f"{self._typed}\n")
        self._prompt.flush()

    def _file(self, kind):
        return os.path.join(self._notes, f"{self._typed}.{kind}")

    def _told(self):
        with open(self._file("out"), encoding="utf-8", errors="replace") as out:
            return out.read()
