"""What the rig needs of the machine: root, for namespaces and an engine, and these packages."""

import os
import shutil

PACKAGES = {  # program: the Debian package that has it
    "busybox": "busybox-static", "debootstrap": "debootstrap", "docker": "docker-cli or docker.io",
    "dockerd": "docker.io", "dpkg-source": "dpkg-dev", "haproxy": "haproxy", "ip": "iproute2", "iptables": "iptables",
    "nsenter": "util-linux",
    "openssl": "openssl", "prometheus": "prometheus", "prometheus-alertmanager": "prometheus-alertmanager",
    "rsync": "rsync", "slirp4netns": "slirp4netns", "unshare": "util-linux",
}


def missing():
    """Sentences that say what is missing; none if the rig can run."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    wanting = [f"{program} is not installed (package {package})" for program, package in PACKAGES.items()
               if shutil.which(program, path=path) is None]
    if os.geteuid() != 0:
        wanting.append("only root can make the namespaces and run the engine")
    return wanting
