"""A target and the program that scales it, with the questions that most tests ask of the two together."""

from rig.eventually import eventually
from rig.notifications import alert, notification


class Scaled:
    """Of whatever backend: a subclass says what there really is."""

    def __init__(self, app, target):
        self.app = app
        self.target = target

    def check_replicas(self, count):
        """There are so many, and all of them run."""
        raise NotImplementedError

    def place(self):
        """What is scaled, for people."""
        raise NotImplementedError

    def fire(self, action, query="", **options):
        """Posts one firing alert that asks for this; what became of it."""
        (result,) = self.app.post(notification(alert(self.target, action, **options)), query)
        return result

    def resolve(self, action, **options):
        from_now = {"ends_at": alert("", "")["startsAt"], **options}
        (result,) = self.app.post(notification(alert(self.target, action, **from_now)))
        return result

    def ask_for(self, count):
        """Fires `to` with that count: a level, which holds until it is asked for another or resolve("to")."""
        return self.fire("to", annotations={"scale_replicas": str(count)})

    def scale(self, count, seconds=40):
        """Asks for that count and waits until it is there."""
        self.ask_for(count)
        self.expect(count, seconds)

    def expect(self, count, seconds=40, desired=None):
        """Waits until there are so many, all running and ready, engine and program say so, and nothing goes on.

        `desired` is another count that waits for its time (a cooldown, say).
        """

        def settled():
            self.check_agreement(count, desired)
            return True

        eventually(settled, seconds, f"{self.place()} has {count} replicas and all agree on it")

    def check_agreement(self, count, desired=None):
        """Every place that tells a count tells this one."""
        desired = count if desired is None else desired
        self.check_replicas(count)
        seen = self.app.target(self.target)
        told = {key: seen[key] for key in ("observed", "ready", "desired")}
        assert told == {"observed": count, "ready": count, "desired": desired}, seen
        assert seen["state"] not in ("scaling", "draining"), seen
        for name in ("replicas", "ready_replicas", "desired_replicas"):
            sample = self.app.metric(f"alertscaler_target_{name}", target=self.target)
            assert sample == (desired if name == "desired_replicas" else count), f"alertscaler_target_{name} is {sample}"

    def steps(self):
        return self.app.steps(self.target)

    def last_action(self):
        """The newest entry of the history; None if there is none."""
        entries = self.app.history(self.target)
        return entries[-1] if entries else None

    def wait_for_action(self, *outcomes, seconds=40):
        """The first entry of the history with one of these outcomes, when it comes."""

        def ended():
            entries = self.app.history(self.target)
            found = [entry for entry in entries if entry["outcome"] in outcomes]
            assert found, f"the history has {[(e['action'], e['outcome'], e['error']) for e in entries]}"
            return found[0]

        return eventually(ended, seconds, f"an action on {self.target} ends as {' or '.join(outcomes)}")

    def decision(self):
        return self.app.target(self.target)["decision"]

    def wait_for_decision(self, outcome, reason, seconds=20):
        """The decision, once it is this one."""

        def decided():
            now = self.decision()
            assert now and (now["outcome"], now["reason"]) == (outcome, reason), now
            return now

        return eventually(decided, seconds, f"the decision on {self.target} is {outcome}, {reason}")

    def wait_unknown(self, *words):
        """Waits until the program says that it sees nothing, for a reason with these words in it."""

        def said():
            seen = self.app.target(self.target)
            assert seen["state"] == "unknown", seen
            assert (seen["decision"]["outcome"], seen["decision"]["reason"]) == ("blocked", "unobservable"), seen
            for word in words:
                assert word in seen["decision"]["text"], seen["decision"]["text"]
            return seen

        return eventually(said, 60, f"the target is unknown because of {words}")
