"""`temper up` and the commands that ask it, as processes: what a user does, and what a user gets wrong."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import stat
import subprocess

import pytest

from support.tree import ROOT
from support.up import Up, temper
from temper.cli.commands.new import SCAFFOLD

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "examples" / "deploy", tmp_path / "deploy")
    return tmp_path


@pytest.fixture
def up(folder):
    up = Up(folder, "deploy", "--watch", "--port", "0")
    up.wait_for("curl")
    yield up
    if up.process.poll() is None:
        up.end()


def test_from_the_first_call_to_a_reload_and_a_restart(up, folder) -> None:
    assert any(line == "deploy is certified" for line in up.lines)
    for action, who in (("propose service=web", "ann"), ("approve", "bob"), ("approve", "cid"), ("start", "ann")):
        ran = temper(folder, "call", "Deploy", "d1", *action.split(), "--as", who)
        assert ran.returncode == 0, ran.stderr
    up.wait_for("web is healthy at 5%")
    log = temper(folder, "log", "d1")
    assert [line.split()[3] for line in log.stdout.splitlines()[1:6]] == [
        "propose",
        "approve",
        "approve",
        "start",
        "watch",
    ]

    rejected = temper(folder, "call", "Deploy", "d1", "approve", "--as", "bob")
    assert rejected.returncode == 1
    assert rejected.stderr.startswith("error[wrong-state]: ")
    assert (
        json.loads(temper(folder, "call", "Deploy", "d1", "approve", "--as", "bob", "--json").stdout)["status"] == 409
    )

    path = folder / "deploy" / "deploy.yaml"
    good = path.read_text()
    path.write_text(good.replace("when: caller != author and caller not in approvers", "when: caller not in approvers"))
    up.wait_for("four_eyes is refuted")
    up.wait_for("the old version keeps serving")
    path.write_text(good.replace("from: [shifting, watching]\n", "from: [approved, shifting, watching]\n"))
    applied = up.wait_for(r"applied: (\w+) → (\w+)")
    health = json.loads(temper(folder, "health", "--json").stdout)
    assert health["table"].startswith(applied[2])
    path.write_text("temper: 1\nblueprint: [")
    up.wait_for(r"error\[")
    assert temper(folder, "get", "Deploy", "d1").returncode == 0
    assert temper(folder, "apply", "deploy").returncode == 1
    path.write_text(good)
    assert temper(folder, "apply", "deploy").returncode == 0

    assert up.end(signal.SIGTERM) == 0
    assert not (folder / ".temper" / "deploy" / "server.json").exists()
    again = Up(folder, "deploy", "--port", "0")
    again.wait_for("curl")
    state = json.loads(temper(folder, "get", "Deploy", "d1", "--json").stdout)["state"]
    assert state == "watching"
    assert again.end() == 0


def test_a_new_effect_finds_its_handler(up, folder) -> None:
    """First the blueprint asks for more than anybody handles; then the handler comes, and nothing is started anew."""
    handlers, path = folder / "deploy" / "handlers.py", folder / "deploy" / "deploy.yaml"
    text = path.read_text()
    wider = text.replace(
        "effects:\n",
        "effects:\n  tell: {params: {service: str}, outcomes: {told: {}}, delivery: idempotent, timeout: 5s}\n",
        1,
    )
    wider = wider.replace(
        "        set: {service: args.service, author: caller}\n        to: draft\n",
        "        set: {service: args.service, author: caller}\n        to: draft\n"
        "        do: [{effect: tell, with: [service], then: {told: ignore, unknown: ignore}}]\n",
    )
    assert wider.count("tell") == 2
    path.write_text(wider)
    up.wait_for("applied: ")
    assert temper(folder, "call", "Deploy", "d1", "propose", "service=web", "--as", "ann").returncode == 0
    assert "tell" in temper(folder, "deliveries", "--status", "parked").stdout
    handlers.write_text(
        handlers.read_text() + '\n\ndef tell(service: str) -> str:\n    say("told %s", service)\n    return "told"\n'
    )
    up.wait_for("handlers deploy/handlers.py: probe, shift_traffic, tell")
    up.wait_for("told web")
    handlers.write_text("broken (")
    up.wait_for("error.handlers-broken")


def test_a_killed_server_loses_nothing(up, folder) -> None:
    for number in range(5):
        assert temper(folder, "call", "Deploy", f"d{number}", "propose", "service=web", "--as", "ann").returncode == 0
    up.end(signal.SIGKILL)
    lost = temper(folder, "get", "Deploy", "d1")
    assert lost.returncode == 2
    assert lost.stderr.startswith("error[server-unreachable]: ")
    again = Up(folder, "deploy", "--port", "0")
    again.wait_for("curl")
    listed = json.loads(temper(folder, "list", "Deploy", "--json").stdout)["instances"]
    assert [each["id"] for each in listed] == [f"d{number}" for number in range(5)]
    assert again.end() == 0


def test_the_curl_line_does_the_same(up, folder) -> None:
    line = next(line.strip() for line in up.lines if line.strip().startswith("curl "))
    if shutil.which("curl") is None:
        pytest.skip("this machine has no curl")
    ran = subprocess.run(["sh", "-c", line], text=True, capture_output=True, timeout=30)
    assert json.loads(ran.stdout)["state"] == "draft", ran.stdout


def test_nobody_else_can_read_what_it_leaves(up, folder) -> None:
    for path in (folder / ".temper" / "deploy").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    tokens = (folder / ".temper" / "deploy" / "tokens.toml").read_text()
    drawn = json.loads((folder / ".temper" / "deploy" / "client.json").read_text())["tokens"]
    assert not any(token in tokens for token in drawn.values())


def test_tokens_by_option_and_environment(up, folder) -> None:
    drawn = json.loads((folder / ".temper" / "deploy" / "client.json").read_text())["tokens"]
    call = ("call", "Deploy", "-", "propose", "service=web")
    assert temper(folder, *call, "--token", drawn["ann"]).returncode == 0
    assert temper(folder, *call, TEMPER_TOKEN=drawn["ann"]).returncode == 0
    assert "error[denied]" in temper(folder, *call, TEMPER_TOKEN=drawn["bob"]).stderr
    assert "error[unknown-token]" in temper(folder, *call, "--token", "nobody's").stderr
    assert "error[not-operator]" in temper(folder, *call, "--token", drawn["bob"], "--as", "ann").stderr
    elsewhere = folder / "deploy"
    url = next(re.search(r"http://[\d.:]+", line)[0] for line in up.lines if "serving" in line)
    assert "error[no-token]" in temper(elsewhere, *call, "--server", url).stderr
    assert temper(elsewhere, *call, "--server", url, "--token", drawn["ann"]).returncode == 0


def test_a_second_server_says_what_is_in_the_way(up, folder) -> None:
    same = temper(folder, "up", "deploy", "--port", "0")
    assert same.returncode == 2
    assert "error[store-failed]" in same.stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ran = temper(folder, "up", "deploy", "--port", port, "--store", "other.sqlite")
        assert ran.returncode == 2
        assert f"error[port-in-use]: port {port}" in ran.stderr
    assert temper(folder, "get", "Deploy", "d9").stderr.startswith("error[unknown-instance]"), "the first one serves on"


@pytest.mark.parametrize(
    ("words", "write", "code"),
    [
        (("--handlers", "h.py"), {"h.py": "import nothing_like_it\n"}, "handlers-broken"),
        (("--handlers", "h.txt"), {"h.txt": ""}, "handlers-broken"),
        (("--tokens", "t.toml"), {"t.toml": "[[["}, "tokens-broken"),
        (("--store", "s.sqlite"), {"s.sqlite": "this is no database, however long it may be" * 100}, "store-failed"),
        (("--store", "f/s.sqlite"), {"f": "a file in the way"}, "file-unwritable"),
        (("--host", "203.0.113.7"), {}, "wrong-usage"),
        (("--port", "70000"), {}, "wrong-usage"),
        (("--budget", "soon"), {}, "wrong-usage"),
    ],
)
def test_what_keeps_it_from_starting(folder, words, write, code) -> None:
    for name, text in write.items():
        (folder / name).write_text(text)
    ran = temper(folder, "up", "deploy", *(() if "--port" in words else ("--port", "0")), *words)
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert f"error[{code}]: " in ran.stderr
    assert "Traceback" not in ran.stderr


def test_what_to_do_about_a_damaged_journal(folder) -> None:
    (folder / "s.sqlite").write_text("this is no database, however long it may be" * 100)
    ran = temper(folder, "up", "deploy", "--port", "0", "--store", "s.sqlite")
    assert "put a backup in its place" in ran.stderr


def test_what_is_refuted_is_not_served(folder) -> None:
    path = folder / "deploy" / "deploy.yaml"
    path.write_text(path.read_text().replace("caller != author and ", ""))
    ran = temper(folder, "up", "deploy", "--port", "0")
    assert ran.returncode == 1
    assert "deploy is not certified" in ran.stdout
    assert "serving" not in ran.stdout


def test_a_new_folder_certifies_and_serves(tmp_path) -> None:
    assert temper(tmp_path, "new", "leave").returncode == 0
    made = {path.name for path in (tmp_path / "leave").iterdir()}
    assert made == {"leave.yaml", "README.md", "handlers.py"}
    assert len(made) == len(list(SCAFFOLD.glob("*.txt")))
    assert temper(tmp_path, "format", "leave", "--check").returncode == 0
    assert temper(tmp_path, "verify", "leave").returncode == 0
    up = Up(tmp_path, "leave", "--port", "0")
    up.wait_for("curl")
    for action, who in (("ask text=holiday", "ann"), ("approve", "bob")):
        assert temper(tmp_path, "call", "Request", "r1", *action.split(), "--as", who).returncode == 0
    up.wait_for("telling: holiday was approved")
    assert temper(tmp_path, "call", "Request", "r1", "withdraw", "--as", "ann").returncode == 1
    assert up.end() == 0


def test_json_is_one_line_an_event(folder) -> None:
    up = Up(folder, "deploy", "--port", "0", "--json")
    up.wait_for("serving")
    assert json.loads(up.lines[-1])["event"] == "serving"
    temper(folder, "apply", "deploy")
    up.wait_for("applied")
    assert json.loads(up.lines[-1])["event"] == "applied"
    assert up.end() == 0


def test_what_was_certified_need_not_be_again(folder) -> None:
    up = Up(folder, "deploy", "--port", "0")
    up.wait_for("curl")
    assert temper(folder, "health").returncode == 0
    assert not any("not verified again" in line for line in up.lines)
    assert up.end() == 0
    again = Up(folder, "deploy", "--port", "0")
    again.wait_for("curl")
    assert temper(folder, "health").returncode == 0
    said = "\n".join(again.lines)
    assert re.match(r"nothing has changed since 20\S+Z, so this was not verified again:", said)
    assert "proved     four_eyes" in said
    assert "deploy is certified" in said
    assert again.end() == 0
    path = folder / "deploy" / "deploy.yaml"
    path.write_text(path.read_text().replace("ann: [engineer, approver]", "ann: [engineer]", 1))
    other = Up(folder, "deploy", "--port", "0")
    other.wait_for("curl|not certified")
    assert not any("not verified again" in line for line in other.lines), "another scope is verified"
    other.end()


REFUSED = {
    "it does not check": ("entities:\n", "entitees:\n", r"error\[unknown-key\]"),
    "it is no YAML": ("entities:\n", "entities: [\n", r"error\["),
    "it is refuted": ("caller != author and ", "", "four_eyes is refuted"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_the_last_certified_version_goes_on_if_the_new_one_is_refused(folder, why) -> None:
    old, new, said = REFUSED[why]
    up = Up(folder, "deploy", "--port", "0")
    up.wait_for("curl")
    health = json.loads(temper(folder, "health", "--json").stdout)
    assert up.end() == 0
    path = folder / "deploy" / "deploy.yaml"
    good = path.read_text()
    assert good.count(old) == 1
    path.write_text(good.replace(old, new))
    strict = temper(folder, "up", "deploy", "--port", "0", "--only-this")
    assert strict.returncode == 1
    assert "serving" not in strict.stdout
    again = Up(folder, "deploy", "--port", "0", "--watch")
    again.wait_for(r"error\[served-as-before\]: deploy/deploy.yaml is refused, so version 1 \(")
    assert re.search(said, "\n".join(again.lines))
    again.wait_for("curl")
    assert json.loads(temper(folder, "health", "--json").stdout)["table"] == health["table"]
    path.write_text(good.replace("from: [shifting, watching]\n", "from: [approved, shifting, watching]\n"))
    again.wait_for("applied: ")
    assert again.end() == 0


def test_what_lives_keeps_its_version_if_the_new_one_has_no_place_for_it(folder) -> None:
    (folder / "small").mkdir()
    path = folder / "small" / "small.yaml"
    path.write_text(SMALL)
    up = Up(folder, "small", "--port", "0")
    up.wait_for("curl")
    assert temper(folder, "call", "Lamp", "l1", "make", "--as", "ann").returncode == 0
    assert up.end() == 0
    path.write_text(SMALL.replace("off", "dark"))
    assert temper(folder, "up", "small", "--port", "0", "--only-this").returncode == 2
    again = Up(folder, "small", "--port", "0", "--json")
    refused = again.wait_for("served-as-before")
    assert json.loads(refused.string)["event"] == "served-as-before"
    again.wait_for('"serving"')
    assert json.loads(temper(folder, "get", "Lamp", "l1", "--json").stdout)["state"] == "off"
    assert again.end() == 0


SMALL = """\
temper: 1
blueprint: small
roles: [guest]
entities:
  Lamp:
    data: {}
    states: [off]
    waits: [off]
    actions:
      make: {by: guest, from: new, to: off}
scope:
  principals: {ann: [guest]}
"""


def test_a_server_that_is_told_to_end_says_so_first_and_answers_what_still_comes(folder) -> None:
    up = Up(folder, "deploy", "--port", "0", "--log", "json", "--drain", "60")
    up.wait_for("curl")
    assert temper(folder, "ready").returncode == 0
    up.process.send_signal(signal.SIGTERM)
    refused = temper(folder, "ready", "--json")
    while refused.returncode == 0:  # until the signal has arrived
        refused = temper(folder, "ready", "--json")
    assert json.loads(refused.stdout)["code"] == "not-ready"
    assert temper(folder, "alive").returncode == 0
    assert temper(folder, "call", "Deploy", "d1", "propose", "service=web", "--as", "ann").returncode == 0
    assert up.end(signal.SIGTERM) == 0, "the second signal ends it at once"
    said = [json.loads(line)["event"] for line in up.lines if line.startswith("{")]
    assert said == ["serving", "call", "ending"]
    assert not (folder / ".temper" / "deploy" / "server.json").exists()
