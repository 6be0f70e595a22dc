"""`temper up --tenants` as a process, and the commands that ask one tenant: what an operator does."""

from __future__ import annotations

import json
import signal
import stat

import pytest

from support.bells import BELLS
from support.postgres import Server
from support.up import Up, temper

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "bells").mkdir()
    (tmp_path / "bells" / "bells.yaml").write_text(BELLS)
    (tmp_path / "bells" / "handlers.py").write_text("def ring():\n    return 'rung'\n")
    return tmp_path


def served(folder) -> Up:
    up = Up(folder, "bells", "--tenants", "--watch", "--port", "0")
    up.wait_for("to tenants at")
    return up


def test_tenants_from_the_first_call_over_a_kill_to_a_version_for_all(folder) -> None:
    up = served(folder)
    for name in ("acme", "zeta"):
        made = temper(folder, "tenants", "create", name)
        assert made.returncode == 0, made.stderr
    for action in ("build", "bell"):
        ran = temper(folder, "call", "Door", "d", action, "--as", "ann", TEMPER_TENANT="acme")
        assert ran.returncode == 0, ran.stderr
    up.end(signal.SIGKILL)

    up = served(folder)
    # Whoever had something pending or armed goes on by itself.
    listed = json.loads(temper(folder, "tenants", "list", "--json").stdout)["tenants"]
    assert [each["tenant"] for each in listed] == ["acme", "zeta"]
    log = temper(folder, "log", "d", "--tenant", "acme")
    assert [line.split()[3] for line in log.stdout.splitlines()[1:4]] in (
        ["build", "bell"],
        ["build", "bell", "opened"],
    )
    assert temper(folder, "list", "Door", "--tenant", "zeta").stdout == "none\n"
    examined = temper(folder, "doctor", "--tenant", "acme")
    assert "ready at http" in examined.stdout, examined.stderr
    assert temper(folder, "backup", "--tenant", "acme").returncode == 0
    refused = temper(folder, "apply", "bells", "--tenant", "acme")
    assert refused.stderr.startswith("error[version-for-all]: ")

    path = folder / "bells" / "bells.yaml"
    path.write_text(path.read_text().replace("roles: [clerk]", "roles: [clerk, guest]"))
    up.wait_for("is offered to all tenants; acme, zeta has it now")

    for kept in (folder / ".temper" / "bells" / "tenants").rglob("*.*"):
        assert stat.S_IMODE(kept.stat().st_mode) & 0o077 == 0, kept
    assert temper(folder, "tenants", "archive", "zeta").returncode == 0
    gone = temper(folder, "list", "Door", "--tenant", "zeta", "--token", "any")
    assert gone.stderr.startswith("error[unknown-tenant]: ")
    assert up.end() == 0


def test_tenants_in_a_database_go_on_after_a_kill(folder, postgres: Server) -> None:
    words = ("bells", "--tenants", "--store", postgres.database(), "--port", "0")
    up = Up(folder, *words)
    up.wait_for("to tenants at")
    up.wait_for("a schema for each")
    for name in ("acme", "zeta"):
        made = temper(folder, "tenants", "create", name)
        assert made.returncode == 0, made.stderr
    ran = temper(folder, "call", "Door", "d", "build", "--as", "ann", "--tenant", "acme")
    assert ran.returncode == 0, ran.stderr
    up.end(signal.SIGKILL)

    up = Up(folder, *words)
    up.wait_for("to tenants at")
    assert "build" in temper(folder, "log", "d", "--tenant", "acme").stdout
    assert temper(folder, "list", "Door", "--tenant", "zeta").stdout == "none\n"
    assert not list((folder / ".temper").rglob("journal.sqlite"))
    assert up.end() == 0


def test_a_database_that_does_not_answer_keeps_the_server_from_starting(folder) -> None:
    store = "postgresql://ann:secret@127.0.0.1:1/none"
    ran = temper(folder, "up", "bells", "--tenants", "--port", "0", "--store", store)
    assert ran.returncode != 0
    assert "error[store-failed]" in ran.stderr
    assert "secret" not in ran.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("up", "bells", "--tenants", "--store", "x.sqlite"),
        ("tenants", "create"),
        ("tenants", "list", "acme"),
        ("list", "Door", "--tenant", "../x", "--server", "http://127.0.0.1:9", "--blueprint", "bells"),
        ("doctor", "--tenant", "../x"),
    ],
)
def test_what_makes_no_sense_is_said(folder, words) -> None:
    ran = temper(folder, *words)
    assert ran.returncode == 2, ran.stdout
    assert ran.stderr.startswith("error[wrong-usage]: "), ran.stderr
