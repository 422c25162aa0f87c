"""No engine, no permission, an engine that goes away: the reason is said, and it carries on by itself."""

import os

from rig import eventually
from rig.fleet import Fleet
from rig.settings import compose_target, engine_at, settings
from rig.web_app import WebApp


def not_ready(app, *words):
    """Waits until /-/ready says no for a reason with these words in it."""

    def said():
        answer = app.request("/-/ready")
        assert answer.status == 503, answer
        for word in words:
            assert word in answer.text, answer.text
        return answer.text

    return eventually(said, 30, f"it is not ready because of {words}")


def test_no_engine_at_start_and_one_that_goes_away(own_engine, scratch, project, compose_v2, start_alertscaler):
    engine = own_engine()
    web = WebApp(engine, scratch)
    shop = project(web.compose_file(), on=engine)
    shop.up(compose_v2, scale={"web": 1})
    engine.stop()
    config = settings(compose_target(shop.name, repeat="once"), docker=engine_at(engine.socket_path))
    app = start_alertscaler(config, ready=False)
    fleet = Fleet(shop, web, app, "web")
    not_ready(app, "target web", engine.socket_path)
    assert app.request("/-/healthy").status == 200
    assert fleet.fire("up", name="Early")["result"] == "accepted"  # it is not lost

    engine.start()
    app.wait_ready(40)
    fleet.expect(2)
    assert fleet.steps() == [("up", 1, 2, "done")]

    engine.kill()
    unknown = eventually(lambda: _with_state(app, "unknown"), 40, "the program sees that the engine is gone")
    assert engine.socket_path in unknown["decision"]["text"], unknown
    assert (unknown["decision"]["outcome"], unknown["decision"]["reason"]) == ("blocked", "unobservable"), unknown
    assert app.metric("alertscaler_target_replicas", target="web") is None
    # It was ready once: what fails now is its target's trouble and not its own.
    assert app.request("/-/ready").status == 200
    assert fleet.fire("up", name="Meanwhile")["result"] == "accepted"
    assert fleet.steps() == [("up", 1, 2, "done")]

    engine.start()
    fleet.expect(3, 60)
    assert fleet.steps() == [("up", 1, 2, "done"), ("up", 2, 3, "done")]
    app.check_journal()


def _with_state(app, state):
    target = app.target("web")
    assert target["state"] == state, target
    return target


def test_no_permission_on_the_socket(own_engine, scratch, project, compose_v2, start_alertscaler):
    engine = own_engine()
    web = WebApp(engine, scratch)
    shop = project(web.compose_file(), on=engine)
    shop.up(compose_v2, scale={"web": 1})
    os.chmod(os.path.dirname(engine.socket_path), 0o711)
    os.chmod(engine.socket_path, 0o660)
    app = start_alertscaler(settings(compose_target(shop.name), docker=engine_at(engine.socket_path)),
                            ready=False, user="nobody")
    text = not_ready(app, "no permission", engine.socket_path, "group")
    assert "localhost port 80" not in text  # curl's own words mislead
    os.chmod(engine.socket_path, 0o666)
    app.wait_ready(40)
    Fleet(shop, web, app, "web").scale(2)
    app.terminate()
    assert os.stat(os.path.join(app.storage, "alertscaler.db")).st_uid != 0
