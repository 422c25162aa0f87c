"""A certificate authority for one test, with a server at 127.0.0.1 (or of a name) and a client: in the files that Docker names so."""

import os

from rig.processes import run


def make(directory, name=None, authority="authority of a test"):
    """Leaves ca.pem, cert.pem and key.pem (the client's), server-cert.pem and server-key.pem in the directory."""
    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", f"/CN={authority}", "-keyout", os.path.join(directory, "ca-key.pem"),
             "-out", os.path.join(directory, "ca.pem"))
    issue(directory, "server-", "serverAuth", names=f"DNS:{name}" if name else "IP:127.0.0.1")
    issue(directory, "", "clientAuth")
    return directory


def issue(directory, prefix, usage, names=None, subject=None):
    """Leaves {prefix}cert.pem and {prefix}key.pem of the authority that make() has left there; in place of former ones.

    `names` are those of the certificate beside its subject, such as "DNS:a,IP:127.0.0.1".
    """

    def path(name):
        return os.path.join(directory, name)

    with open(path("extensions"), "w", encoding="utf-8") as out:
        out.write(f"extendedKeyUsage={usage}\n" + (f"subjectAltName={names}\n" if names else ""))
    _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
             f"/CN={subject or usage}", "-keyout", path(f"{prefix}key.pem"), "-out", path("request.pem"))
    _openssl("x509", "-req", "-days", "2", "-in", path("request.pem"), "-CA", path("ca.pem"), "-CAkey",
             path("ca-key.pem"), "-CAcreateserial", "-extfile", path("extensions"), "-out", path(f"{prefix}cert.pem"))


def _openssl(*arguments):
    run(["openssl", *arguments], 30)
