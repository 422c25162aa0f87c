"""A Compose service and the program that scales it."""

from rig.eventually import eventually
from rig.scaled import Scaled


class Fleet(Scaled):
    def __init__(self, project, web_app, app, target):
        super().__init__(app, target)
        self.project = project
        self.service = "web"
        self.web_app = web_app

    @property
    def engine(self):
        return self.project.engine

    def replicas(self):
        return self.project.replicas(self.service)

    def numbers(self):
        return [replica.number for replica in self.replicas()]

    def place(self):
        return f"{self.project.name}/{self.service}"

    def wait_for_file(self, path):
        """Waits until each replica has made it, as one does that has set its traps: it runs a moment before that."""
        for replica in self.replicas():
            eventually(lambda one=replica: self.engine.exec(one.id, ["test", "-e", path])[1] == 0, 20,
                       f"{replica.name} has {path}")

    def check_replicas(self, count):
        states = [(replica.name, replica.state) for replica in self.replicas()]
        assert [state for _name, state in states] == ["running"] * count, states
