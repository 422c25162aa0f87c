"""What is slow to get or to build is kept in ${XDG_CACHE_HOME:-~/.cache}/alertscaler, for all work trees of a user."""

import contextlib
import fcntl
import os
import shutil
import tempfile


def root():
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = os.path.join(home, "alertscaler")
    os.makedirs(path, exist_ok=True)
    return path


@contextlib.contextmanager
def locked(name):
    """Holds the lock of that name against other processes and threads."""
    folder = os.path.join(root(), "locks")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name + ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def entry(name, build):
    """The directory `name` of the cache; the first who wants it makes it with `build(empty directory)`.

    It appears complete or not at all: it is built beside its place and then renamed. Others who want it meanwhile wait.
    """
    path = os.path.join(root(), name)
    if os.path.isdir(path):
        return path
    with locked(name):
        if os.path.isdir(path):
            return path
        unfinished = tempfile.mkdtemp(prefix=f"unfinished-{name}-", dir=root())
        try:
            build(unfinished)
            os.chmod(unfinished, 0o755)
            os.rename(unfinished, path)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    return path
