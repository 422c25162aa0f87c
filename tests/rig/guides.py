"""The guides: every README that tells somebody what to type, taken apart into what it shows and what it says of it.

Commands stand in fences of the kind `sh`; what the last of them prints may follow in one of the kind `text`. A comment
that renders as nothing may stand before a fence:
  <!-- guide: file NAME -->        what follows is that file, in the folder that the reader is in
  <!-- guide: not run: REASON -->  nobody can follow this in a test
"""

import dataclasses
import os
import re
import subprocess

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GUIDES = ["README.md", "alertmanager/README.md", "compose/README.md", "k8s/README.md", "rules/README.md",
          "src/config/README.md", "src/TROUBLESHOOTING.md"]

_FENCE = re.compile(r"^( *)```(\w*) *$")
_SAID = re.compile(r"^ *<!-- guide: (file|not run:) *(.+?) *-->$")
_COMMENT = re.compile(r"(?:^|\s)# (.*)$")


@dataclasses.dataclass(frozen=True)
class Block:
    guide: str
    line: int  # of the fence that opens it
    kind: str
    text: str
    file: str = None  # the name of the file that it is
    not_run: str = None  # the reason why it is not run

    def __str__(self):
        return f"{self.guide}:{self.line}"


@dataclasses.dataclass(frozen=True)
class Command:
    line: int
    text: str

    @property
    def comment(self):
        """What stands behind it for people: `→ WORDS` is a part of what it prints, `Ctrl-C` means that it does not end."""
        found = _COMMENT.search(self.text)
        return found.group(1) if found else ""

    @property
    def prints(self):
        return self.comment[1:].strip() if self.comment.startswith("→") else None

    @property
    def endless(self):
        return "Ctrl-C" in self.comment


def read(guide):
    with open(os.path.join(REPOSITORY, guide), encoding="utf-8") as text:
        return text.read()


def blocks(guide):
    """Its fences, in order."""
    found, said, opened = [], {}, None
    for number, line in enumerate(read(guide).splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is None and fence:
            opened, indent, kind, lines = number, len(fence.group(1)), fence.group(2), []
        elif opened is None:
            word = _SAID.match(line)
            said = {word.group(1): word.group(2)} if word else said if line.startswith("<!--") else {}
        elif fence:
            text = "".join(f"{each[indent:]}\n" for each in lines)
            found.append(Block(guide, opened, kind, text, said.get("file"), said.get("not run:")))
            opened, said = None, {}
        else:
            lines.append(line)
    assert opened is None, f"{guide}:{opened}: a fence that is never closed"
    return found


def outside_fences(guide):
    """(number, line) of all that is not in a fence."""
    inside = False
    for number, line in enumerate(read(guide).splitlines(), 1):
        if _FENCE.match(line):
            inside = not inside
        elif not inside:
            yield number, line


def commands(block):
    """What is typed at one prompt after the other: lines are joined until the shell has a whole command."""
    found, lines = [], []
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        if not lines and (not line.strip() or line.startswith("#")):
            continue
        lines.append(line)
        if _whole("\n".join(lines)):
            found.append(Command(number - len(lines) + 1, "\n".join(lines)))
            lines = []
    assert not lines, f"{block}: no shell understands {lines}"
    return found


def _whole(text):
    if text.endswith("\\"):
        return False
    looked = subprocess.run(["bash", "-n", "-c", text], capture_output=True, check=False)
    return looked.returncode == 0 and not looked.stderr


def shown_in_tables(guide):
    """Blocks of the commands that stand alone in the first cell of a table's line."""
    found = []
    for number, line in outside_fences(guide):
        cell = re.match(r"^\| `((?:curl|alertscaler) [^`]*)` \|", line)
        if cell:
            found.append(Block(guide, number - 1, "sh", cell.group(1).replace(r"\|", "|") + "\n"))
    return found
