"""A directory for one run of something; it is removed at the end, or kept and named when that run failed."""

import os
import shutil
import sys
import tempfile


class Scratch:
    """Scratch directories have short paths, because those of Unix sockets may have 107 characters at most."""

    def __init__(self, label):
        self.path = tempfile.mkdtemp(prefix=f"as-{label[:20]}-")
        self.kept = os.environ.get("ALERTSCALER_KEEP_SCRATCH") == "1"

    def file(self, *parts, text=None, mode=0o644):
        """The path of a file in here, its folders made; written when `text` is given.

        It is put in place whole: who reads it meanwhile gets what was there before or this text.
        """
        path = os.path.join(self.path, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if text is not None:
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=os.path.dirname(path), prefix=".new-",
                                             delete=False) as out:
                out.write(text)
            os.chmod(out.name, mode)
            os.replace(out.name, path)
        return path

    def directory(self, *parts):
        path = os.path.join(self.path, *parts)
        os.makedirs(path, exist_ok=True)
        return path

    def keep(self):
        """From now on close() leaves the directory and prints its name."""
        self.kept = True

    def close(self):
        if self.kept:
            print(f"scratch directory kept: {self.path}", file=sys.stderr)
        else:
            shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, _error, _trace):
        if kind is not None:
            self.keep()
        self.close()
