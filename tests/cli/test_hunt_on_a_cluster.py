"""`temper hunt --cluster`: seeds on the workers of a real Dask cluster are the runs that they are here."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from support.tree import ROOT
from temper.cli.main import main
from temper.pipeline import build
from temper.verify import Asked, rates, simulate
from temper.verify.simulate import cluster as used

OWN_EYES = "        when: caller != author and caller not in approvers"
SEEDS = 60


def workers(count: int) -> LocalCluster:
    return LocalCluster(n_workers=count, threads_per_worker=2, processes=True, dashboard_address=":0")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with workers(2) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def careless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "deploy.yaml"
    text = (ROOT / "examples" / "deploy" / "deploy.yaml").read_text()
    assert OWN_EYES in text
    path.write_text(text.replace(OWN_EYES, "        when: caller not in approvers"))
    return path


def asked() -> Asked:
    table = build(ROOT / "examples" / "deploy").table
    assert table is not None
    return Asked(table, rates("chaos"), moves_max=60)


def test_a_seed_is_the_same_run_there(address: str) -> None:
    here = [(ran.seed, ran.counts) for ran in simulate(asked(), range(SEEDS), jobs=1)]
    assert [(ran.seed, ran.counts) for ran in simulate(asked(), range(SEEDS), cluster=address)] == here


def test_seeds_of_a_worker_that_dies_are_run_by_others() -> None:
    with workers(2) as cluster:
        with Client(cluster.scheduler_address, set_as_default=False) as client:
            pids = list(client.run(os.getpid).values())
        seen = []
        for ran in simulate(asked(), range(SEEDS), cluster=cluster.scheduler_address):
            if not seen:
                os.kill(pids[0], signal.SIGKILL)
            seen.append(ran.seed)
    assert seen == list(range(SEEDS))


def test_what_a_hunt_finds_there_is_repeated_here(careless: Path, address: str, capsys) -> None:
    assert main(["hunt", "deploy.yaml", "--from", "0", "--seeds", "40", "--cluster", address]) == 1
    out = capsys.readouterr().out
    assert "repeat: temper simulate deploy.yaml --seed 0 --faults chaos" in out
    assert main(["simulate", "deploy.yaml", "--seed", "0", "--faults", "chaos"]) == 1


def test_a_worker_of_another_version_is_refused(careless: Path, address: str, monkeypatch, capsys) -> None:
    monkeypatch.setattr(used, "version", lambda _: "0.0.1")
    assert main(["hunt", "deploy.yaml", "--from", "0", "--seeds", "40", "--cluster", address]) == 2
    said = capsys.readouterr().err
    assert "error[cluster-unusable]: a worker has temper" in said
    assert "pip install temper==0.0.1 there: a seed is a run of one version" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cluster", "tcp://127.0.0.1:9"], "no Dask scheduler answers at tcp://127.0.0.1:9"),
        (["--cluster", "nonsense"], "`nonsense` is no address of a cluster"),
        (["--cluster", "tcp://127.0.0.1:9", "--jobs", "2"], "--cluster goes without --jobs"),
    ],
)
def test_what_is_no_cluster_is_said(careless: Path, monkeypatch, capsys, words: list[str], said: str) -> None:
    monkeypatch.setattr(used, "SCHEDULER_SECONDS", 1)
    assert main(["hunt", "deploy.yaml", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_cluster_without_workers_is_said(careless: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(used, "WORKERS_SECONDS", 1)
    with workers(0) as cluster:
        assert main(["hunt", "deploy.yaml", "--cluster", cluster.scheduler_address]) == 2
    assert "has no workers" in capsys.readouterr().err
