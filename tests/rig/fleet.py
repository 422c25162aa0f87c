"""A Compose service and the program that scales it."""

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

    def check_replicas(self, count):
        states = [(replica.name, replica.state) for replica in self.replicas()]
        assert [state for _name, state in states] == ["running"] * count, states
