"""What a pod finds of its service account under /var/run/secrets, for one program: only what is started with command()."""

import os

from rig.processes import Process, run

_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"


class PodSecrets:
    """`path` is a directory that the program shares with the test; the files hold these texts."""

    def __init__(self, scratch, **files):
        self.path = scratch.directory("pod")
        mount = f'mount -t tmpfs tmpfs /run && mkdir -p "{_FOLDER}" && echo ready && exec sleep infinity'
        self._holder = Process("pod", ["unshare", "--mount", "--propagation=private", "sh", "-c", mount],
                               scratch.file("pod.log"))
        self._holder.wait_for_log("^ready$", 20)
        for name, text in files.items():
            self.write(name.replace("_", "."), text)

    def command(self, argv):
        """The command line that runs `argv` in the pod."""
        return ["nsenter", f"--target={self._holder.pid}", "--mount", "--", *argv]

    def write(self, name, text):
        """Puts the file there, or another in its place, at once."""
        path = os.path.join(_FOLDER, name)
        run(self.command(["sh", "-c", 'printf %s "$1" > "$2.new" && mv "$2.new" "$2"', "sh", text, path]))

    def close(self):
        self._holder.kill()
