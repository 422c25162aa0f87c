"""The images of the tests, made on this machine: no registry is asked."""

import io
import os
import re
import shutil
import tarfile

from rig import debian
from rig.processes import run

BUSYBOX = "busybox:test"
DEBIAN = "debian:trixie-slim"
_USERS = "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"


def import_busybox(engine, name=BUSYBOX, changes=("CMD sh",), files=()):
    """Imports an image of the static busybox with all its commands; `files` are (path, text) to add, as executables.

    Images with other files or changes differ in their id: so a tag can be moved.
    """
    engine.import_image(name, busybox_tar(files), changes)


def import_program(engine, name, program, changes=()):
    """Imports an image of one program of this machine, in /usr/local/bin, with the libraries that it is linked to."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in ("etc", "tmp", "usr/local/bin", "usr/local/etc/haproxy", "var/lib/alertscaler", "var/run"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(entry)
        _add_text(tar, "etc/passwd", _USERS, 0o644)
        for library in re.findall(r"(/\S+) \(0x", run(["ldd", program]).stdout):
            tar.add(os.path.realpath(library), library.lstrip("/"), filter=_owned_by_root)
        tar.add(os.path.realpath(program), f"usr/local/bin/{os.path.basename(program)}", filter=_owned_by_root)
    out.seek(0)
    engine.import_image(name, out, ("ENV PATH=/usr/local/bin", *changes))


def import_debian(engine):
    """Imports a minimal Debian 13 as the image that the hub has under that name."""
    with open(debian.slim_root("trixie"), "rb") as root:
        engine.import_image(DEBIAN, root, ("CMD bash",))


def busybox_tar(files=()):
    """The root file system of such an image, as a file in memory."""
    busybox = shutil.which("busybox")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in ("bin", "etc", "tmp", "var", "www", "www/cgi-bin"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        tar.add(os.path.realpath(busybox), "bin/busybox", filter=_owned_by_root)
        for command in run([busybox, "--list"]).stdout.split():
            if command != "busybox":
                link = tarfile.TarInfo(f"bin/{command}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        _add_text(tar, "etc/passwd", _USERS, 0o644)
        for path, text in files:
            _add_text(tar, path, text, 0o755)
    out.seek(0)
    return out


def _add_text(tar, path, text, mode):
    data = text.encode()
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(data), mode
    tar.addfile(entry, io.BytesIO(data))


def _owned_by_root(entry):
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry
