"""Gets Debian packages and a Debian root file system from the suite that a test needs, whatever runs on this machine.

The machine's own sources and package state stay as they are.
"""

import glob
import os
import re
import shutil

from rig import cache
from rig.processes import run

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def mirror():
    """The Debian mirror that this machine uses; on another distribution the one that debootstrap uses by itself."""
    listed = run(["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"], check=False)
    for line in listed.stdout.splitlines():
        origin, _, uri = line.partition(" ")
        if origin == "Debian" and "security" not in uri:
            return uri.rstrip("/")
    with open(shutil.which("debootstrap"), encoding="utf-8") as script:
        return re.search(r'^DEF_MIRROR="([^"$]+)"', script.read(), re.MULTILINE).group(1)


def programs(suite, packages, names):
    """A cached directory with the programs of these names from these packages of that suite.

    Nothing is installed, and what the packages depend on is not followed.
    """
    return cache.entry(f"{suite}-{'-'.join(packages)}", lambda place: _extract(suite, packages, names, place))


def _extract(suite, packages, names, place):
    work = os.path.join(place, "work")
    files = unpack(suite, packages, work)
    for name in names:
        found = glob.glob(f"{files}/usr/**/{name}", recursive=True)
        program = next(path for path in found if os.path.isfile(path) and os.access(path, os.X_OK))
        shutil.copy2(program, os.path.join(place, name))
    shutil.rmtree(work)


def unpack(suite, packages, work):
    """Unpacks these packages of that suite, and not what they depend on, in a new directory; where their files are."""
    run([*_apt(suite, work), "download", *packages], seconds=300, cwd=work)
    files = os.path.join(work, "files")
    for package in glob.glob(f"{work}/*.deb"):
        run(["dpkg-deb", "--extract", package, files], seconds=120)
    return files


def unpack_source(suite, package, work):
    """Unpacks a source package of that suite, with Debian's patches, in a new directory; where its tree is."""
    run([*_apt(suite, work), "source", package], seconds=600, cwd=work)
    (tree,) = glob.glob(f"{work}/{package}-*/")
    return tree.rstrip("/")


def _apt(suite, work):
    """Makes the directory and fetches the lists of that suite there; the command line of an apt-get that uses them."""
    for folder in ("state/lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(work, folder))
    with open(f"{work}/sources.list", "w", encoding="utf-8") as sources:
        for kind in ("deb", "deb-src"):
            sources.write(f"{kind} [signed-by={_KEYRING}] {mirror()} {suite} main\n")
    apt = ["apt-get", "-qq", "-o", f"Dir::Etc::sourcelist={work}/sources.list", "-o", "Dir::Etc::sourceparts=-",
           "-o", f"Dir::State={work}/state", "-o", "Dir::State::status=/dev/null", "-o", f"Dir::Cache={work}/cache",
           "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3"]
    run([*apt, "update"], seconds=120)
    return apt


def slim_root(suite):
    """The path of a cached tar with a minimal Debian, without documentation, as the slim images on the hub are."""
    folder = cache.entry(f"{suite}-slim", lambda place: _bootstrap(suite, place))
    return os.path.join(folder, "root.tar")


def _bootstrap(suite, place):
    root = os.path.join(place, "root")
    with open(os.path.join(place, "debootstrap.log"), "w", encoding="utf-8") as log:
        # In a mount namespace, so that no mount of it can stay.
        run(["unshare", "--mount", "debootstrap", f"--keyring={_KEYRING}", "--variant=minbase", suite, root, mirror()],
            seconds=900, stdout=log)
    for pattern in ("usr/share/man/*", "usr/share/info/*", "usr/share/locale/*", "usr/share/lintian/*",
                    "var/lib/apt/lists/*", "var/cache/apt/*", "var/cache/debconf/*-old", "var/log/*"):
        for path in glob.glob(os.path.join(root, pattern)):
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.remove(path)
    _strip_documentation(os.path.join(root, "usr/share/doc"))
    with open(os.path.join(root, "etc/dpkg/dpkg.cfg.d/docker"), "w", encoding="utf-8") as rules:
        rules.write("".join(f"path-exclude /usr/share/{kind}/*\n" for kind in ("doc", "man", "info", "locale")) +
                    "path-include /usr/share/doc/*/copyright\n")
    with open(os.path.join(root, "etc/apt/apt.conf.d/docker-clean"), "w", encoding="utf-8") as rules:
        rules.write('APT::Update::Post-Invoke { "rm -f /var/cache/apt/*.bin || true"; };\n'
                    'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };\n')
    run(["tar", "--create", "--numeric-owner", "--file", os.path.join(place, "root.tar"), "--directory", root, "."],
        seconds=120)
    shutil.rmtree(root)


def _strip_documentation(documentation):
    for folder, _folders, files in os.walk(documentation):
        for name in files:
            if name != "copyright":
                os.remove(os.path.join(folder, name))
