"""`alertscaler check` from the command line: what it prints, where, and how it exits. What it finds: check_test.cc."""

import json
import os

import pytest

from rig.alertscaler import run_once

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SETS = os.path.join(REPOSITORY, "tests")


def check(folder, *more, alertmanager=False):
    arguments = [f"--config.file={folder}/alertscaler.yml", f"--rules={folder}/rules*.yml"]
    if alertmanager:
        arguments.append(f"--alertmanager={folder}/alertmanager.yml")
    return run_once("check", *arguments, *more)


def test_nothing_wrong_exits_0():
    ended = check(f"{SETS}/check_good/plain", alertmanager=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("\n0 errors, 0 warnings\n")


def test_warnings_alone_exit_0():
    ended = check(f"{SETS}/check_bad/no_for")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "rules.yml:12:16: warning: More has no `for`" in ended.stdout


def test_an_error_exits_1_with_its_place():
    ended = check(f"{SETS}/check_bad/unknown_target")
    assert ended.returncode == 1
    folder = f"{SETS}/check_bad/unknown_target"
    assert ended.stdout.splitlines()[0].startswith(f'{folder}/rules.yml:15:50: error: More is for the target "wep"')


def test_the_same_as_json():
    ended = check(f"{SETS}/check_bad/unknown_target", "--format=json")
    assert ended.returncode == 1
    found = json.loads(ended.stdout)
    assert (found["errors"], found["warnings"]) == (1, 0)
    finding = found["findings"][0]
    assert (finding["severity"], finding["line"], finding["column"]) == ("error", 15, 50)
    assert finding["file"].endswith("check_bad/unknown_target/rules.yml")
    assert "did you mean web?" in finding["message"]


def test_the_web_configuration_with_what_it_names(scratch):
    config = f"--config.file={SETS}/check_good/plain/alertscaler.yml"
    scratch.file("web", "token", text="one\nboth\n")
    scratch.file("web", "lookers", text="both\n")
    web = scratch.file("web", "web.yml", text="bearer_token_file: token\nread_only_token_file: lookers\n")
    ended = run_once("check", config, f"--web.config.file={web}")
    assert ended.returncode == 0, ended.stdout
    assert f"{web}: warning: bearer_token_file: the token in line 2 stands in read_only_token_file, too" in ended.stdout
    scratch.file("web", "lookers", text="both\none\n")
    ended = run_once("check", config, f"--web.config.file={web}", "--format=json")
    assert ended.returncode == 0 and "nobody could send alerts" in ended.stdout, ended.stdout
    scratch.file("web", "lookers", text="")
    ended = run_once("check", config, f"--web.config.file={web}")
    assert ended.returncode == 1 and f"{web}: error: read_only_token_file: " in ended.stdout, ended.stdout
    scratch.file("web", "web.yml", text="http_server_config: {http2: true}\n")
    for address, refused in (("0.0.0.0:9095", True), ("127.0.0.1:9095", False)):
        ended = run_once("check", config, f"--web.config.file={web}", f"--web.listen-address={address}")
        assert ended.returncode == 0 and (f"will not listen on {address}" in ended.stdout) == refused, ended.stdout
        ended = run_once("check", config, f"--web.listen-address={address}")
        assert ended.returncode == 0 and (f"will not listen on {address}" in ended.stdout) == refused, ended.stdout
    scratch.file("web", "web.yml", text="bearer_token_fil: token\n")
    ended = run_once("check", config, f"--web.config.file={web}")
    assert ended.returncode == 1, ended.stdout
    assert f'{web}:1:1: error: unknown key "bearer_token_fil"; did you mean bearer_token_file?' in ended.stdout
    started = run_once("serve", config, f"--web.config.file={web}", "--web.listen-address=127.0.0.1:0",
                       f"--storage.path={scratch.directory('data')}")
    assert started.returncode == 1 and 'unknown key "bearer_token_fil"' in started.stderr, "the start says the same"


def test_several_patterns_and_several_names(scratch):
    good, bad = f"{SETS}/check_good/plain", f"{SETS}/check_bad/unknown_action"
    config = f"--config.file={good}/alertscaler.yml"
    repeated = run_once("check", config, f"--rules={good}/rules.yml", f"--rules={bad}/rules.yml")
    as_the_shell_expands = run_once("check", config, "--rules", f"{good}/rules.yml", f"{bad}/rules.yml")
    assert repeated.returncode == as_the_shell_expands.returncode == 1
    assert repeated.stdout == as_the_shell_expands.stdout
    assert 'is "upp"' in repeated.stdout


@pytest.mark.parametrize("wrong", (["--format=xml"], ["--rulez=x"], ["--web.listen-address=nowhere"], ["more"]))
def test_wrong_usage_exits_2(wrong):
    ended = run_once("check", f"--config.file={SETS}/check_good/plain/alertscaler.yml", *wrong)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr
