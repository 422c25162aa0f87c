"""A certificate authority for one test, with a server at 127.0.0.1 (or of a name) and a client: in the files that Docker names so."""

import os

from rig.processes import run


def make(directory, name=None):
    """Leaves ca.pem, cert.pem and key.pem (the client's), server-cert.pem and server-key.pem in the directory."""

    def path(name):
        return os.path.join(directory, name)

    _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=authority of a test", "-keyout", path("ca-key.pem"), "-out", path("ca.pem"))
    alternative = f"DNS:{name}" if name else "IP:127.0.0.1"
    for prefix, usage, more in (("server-", "serverAuth", f"subjectAltName={alternative}\n"), ("", "clientAuth", "")):
        with open(path("extensions"), "w", encoding="utf-8") as out:
            out.write(f"extendedKeyUsage={usage}\n{more}")
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={usage}",
                 "-keyout", path(f"{prefix}key.pem"), "-out", path("request.pem"))
        _openssl("x509", "-req", "-days", "2", "-in", path("request.pem"), "-CA", path("ca.pem"),
                 "-CAkey", path("ca-key.pem"), "-CAcreateserial", "-extfile", path("extensions"),
                 "-out", path(f"{prefix}cert.pem"))
    return directory


def _openssl(*arguments):
    run(["openssl", *arguments], 30)
