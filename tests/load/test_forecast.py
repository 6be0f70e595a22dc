"""What a load does in virtual time is what queueing theory says where it says something, and repeats exactly."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from support.durable import all_records
from support.running import table_of
from support.tree import ROOT
from temper.cli.main import main
from temper.load import Figures, backlog_lines, backlog_svg, figures_json, fitted, forecast, read_plan
from temper.load.figures import Times
from temper.load.plan import Span
from temper.run import Fuse, HandlersBrokenError, Limits, MemoryStore, SqliteStore

JOBS = table_of("""
temper: 1
blueprint: jobs
roles: [person]
effects:
  work:
    outcomes: {done: {}, refused: {}}
    delivery: idempotent
    timeout: 30s
    retry: {attempts: 3, first: 1s, factor: 1, cap: 1s}
entities:
  Job:
    data: {looks: int[0, 5]}
    states: [begun, ended, looked_at, failed]
    final: [looked_at, failed]
    waits: [ended]
    actions:
      begin: {by: person, from: new, to: begun, do: [{effect: work, then: {done: end, refused: fail, unknown: fail}}]}
      end: {from: begun, to: ended}
      fail: {from: begun, to: failed}
      look:
        by: person
        from: ended
        set: {looks: looks + 1}
        cases: [{when: looks < 2, to: ended}, {to: looked_at}]
""")
ARRIVING = """
for = "{whole}"
warm = "10s"
commit = "{commit}"
[arrivals."Job.begin"]
rate = "{rate}/s"
as = "ann: person"
[receivers.work]
takes = {takes}
at_once = {at_once}
"""
BOLD = {"work": Limits(concurrency=10_000, fuse=Fuse(failures=0))}


def figures(folder: Path, more: str = "", limits: dict[str, Limits] | None = None, **given: object) -> Figures:
    told = {"whole": "20m", "commit": "1ms", "rate": 8, "takes": '"100ms"', "at_once": 1, **given}
    path = folder / "load.toml"
    path.write_text(ARRIVING.format(**told) + more, encoding="utf-8")
    return forecast(JOBS, read_plan(path, JOBS), limits=BOLD if limits is None else limits)


def test_one_queue_waits_as_long_as_theory_says(tmp_path: Path) -> None:
    work = figures(tmp_path, whole="15m").effects["work"]
    utilised, service = 0.8, 100
    waits = utilised / (2 * (1 - utilised)) * service  # M/D/1, Pollaczek and Khinchine
    mean = sum(work.takes.sorted) / len(work.takes.sorted)
    assert mean == pytest.approx(waits + service, rel=0.15)
    assert work.busy == pytest.approx(utilised, rel=0.05)
    assert work.settled == pytest.approx(8 * 890, rel=0.05)


def test_what_does_not_fit_piles_up(tmp_path: Path) -> None:
    work = figures(
        tmp_path, rate=12, whole="5m", takes='"100ms"', limits={"work": Limits(fuse=Fuse(failures=0))}
    ).effects["work"]
    assert work.pending == pytest.approx(300 * (12 - 10), rel=0.25)
    assert work.series == sorted(work.series) or work.series[-1] > work.series[len(work.series) // 2]
    assert work.busy > 0.99
    assert work.waits.percentile(0.99) > 30_000, "they wait here, for no more than 16 are asked for at once"


def test_more_capacity_ends_the_waiting(tmp_path: Path) -> None:
    work = figures(tmp_path, at_once=8, whole="5m").effects["work"]
    assert work.takes.percentile(0.99) < 110
    assert work.pending_max <= 10


def test_an_outage_that_hangs_makes_a_storm_that_one_that_refuses_does_not(tmp_path: Path) -> None:
    outage = '[[outages]]\nreceiver = "work"\nfrom = "2m"\nfor = "1m"\nhow = "{}"\n'
    hangs = figures(tmp_path, outage.format("hangs"), whole="6m", rate=4).effects["work"]
    refuses = figures(tmp_path, outage.format("refuses"), whole="6m", rate=4).effects["work"]
    assert refuses.failed > 600, "three attempts each, of those that came meanwhile"
    assert hangs.pending_max > 3 * refuses.pending_max
    ((end, left),) = hangs.drained
    assert end == 180_000
    assert left is not None
    fused = figures(tmp_path, outage.format("refuses"), whole="6m", rate=4, limits={}).effects["work"]
    assert fused.failed < refuses.failed / 5, "the breaker keeps attempts from being made"


def test_callers_do_what_they_do_after_a_while(tmp_path: Path) -> None:
    habit = (
        '[callers."Job.look"]\nafter = {median = "5s", p99 = "20s"}\nas = ["ann: person", "bob: person"]\nshare = 0.5\n'
    )
    found = figures(tmp_path, habit, whole="10m", rate=2)
    job = found.entities["Job"]
    assert job.ended == pytest.approx(job.began / 2, rel=0.15), "half of them are looked at, each twice"
    assert 10_000 < (job.lives.percentile(0.5) or 0) < 30_000
    assert found.applied["Job.look"] == pytest.approx(2 * job.ended, rel=0.1)
    assert not found.rejected


def test_outcomes_come_as_often_as_they_are_said_to(tmp_path: Path) -> None:
    more = "outcomes = {done = 0.75, refused = 0.25}\nsilent = 0.02\n"
    found = figures(tmp_path, more, at_once=16, whole="5m")
    assert found.entities["Job"].ended == pytest.approx(found.entities["Job"].began * 0.25, rel=0.15)
    assert found.effects["work"].failed == pytest.approx(found.effects["work"].asked * 0.02, rel=0.4)


def test_a_seed_repeats_exactly_and_another_differs(tmp_path: Path) -> None:
    first, again = (figures_json(figures(tmp_path, whole="2m")) for _ in range(2))
    assert first == again
    plan = read_plan(tmp_path / "load.toml", JOBS)
    assert figures_json(forecast(JOBS, plan, seed=1, limits=BOLD)) != first


def test_times_are_drawn_from_the_distribution_that_was_said() -> None:
    import random

    drawn, chance = sorted(Span(100, 1_000).draw(chance) for chance in [random.Random(1)] for _ in range(20_000)), 0
    assert drawn[10_000] == pytest.approx(100, rel=0.05)
    assert drawn[19_800] == pytest.approx(1_000, rel=0.1)
    assert Span(50, 50).draw(random.Random(chance)) == 50


def test_percentiles_are_of_what_is_there() -> None:
    times = Times()
    assert times.percentile(0.5) is None
    for each in (5, 1, 3):
        times.add(each)
    assert (times.percentile(0.5), times.percentile(0.99)) == (3, 5)


def test_pictures_show_every_peak(tmp_path: Path) -> None:
    found = figures(tmp_path, whole="2m")
    lines = list(backlog_lines(found))
    assert lines[0] == "work: pending"
    assert f"{max(found.effects['work'].series):,}" in lines[1]
    assert "█" in lines[1], "the peak reaches the top"
    root = ET.fromstring(backlog_svg(found))
    (line,) = root.findall("{*}polyline")
    heights = [float(point.split(",")[1]) for point in line.attrib["points"].split()]
    assert len(heights) == len(found.effects["work"].series)
    assert min(heights) == heights[found.effects["work"].series.index(max(found.effects["work"].series))]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "nothing arrives"),
        ('[arrivals."Job.begn"]\nrate = "1/s"', "did you mean `begin`?"),
        ('[arrivals."Jb.begin"]\nrate = "1/s"', "did you mean `Job`?"),
        ('[arrivals."Job.look"]\nrate = "1/s"', "belongs to [callers]"),
        ('[arrivals."Job.end"]\nrate = "1/s"', "callers have no Job.end"),
        ('[arrivals."Job.begin"]\nrate = "often"', 'as in "5/s"'),
        ('[arrivals."Job.begin"]\nrate = "1/s"\nas = "ann: persn"', "did you mean `person`?"),
        ('[arrivals."Job.begin"]\nrate = "1/s"\n[callers."Job.begin"]\nafter = "1s"', "belongs to [arrivals]"),
        ('[arrivals."Job.begin"]\nrate = "1/s"\n[receivers.wrk]', "did you mean `work`?"),
        ('[arrivals."Job.begin"]\nrate = "1/s"\n[receivers.work]\noutcomes = {don = 1}', "did you mean `done`?"),
        ('[arrivals."Job.begin"]\nrate = "1/s"\n[receivers.work]\noutcomes = {done = 0}', "none of them ever comes"),
        ('[arrivals."Job.begin"]\nrate = "1/s"\n[receivers.work]\nat_once = 0', "is a number from 1"),
        ('[arrivals."Job.begin"]\nrate = "1/s"\n[receivers.work]\nsilent = 2', "a share from 0 to 1"),
        (
            '[arrivals."Job.begin"]\nrate = "1/s"\n[[outages]]\nreceiver = "work"\nfrom = "1m"\nfor = "1m"\nhow = "x"',
            "hangs",
        ),
        ('[arrivals."Job.begin"]\nrate = "1/s"\n[[outages]]\nreceiver = "work"', 'a duration such as "5s"'),
        ('for = "1m"\nwarm = "1m"', "leaves nothing"),
        ("fr = 1", "did you mean `for`?"),
    ],
)
def test_what_is_wrong_with_a_plan_is_said(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "load.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(HandlersBrokenError, match=re.escape(complaint)):
        read_plan(path, JOBS)


def test_a_plan_is_fitted_to_a_journal_and_gives_it_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    habit = '[callers."Job.look"]\nafter = {median = "5s", p99 = "20s"}\nas = "bob: person"\nshare = 0.5\n'
    more = "outcomes = {done = 0.8, refused = 0.2}\n"
    path, takes = tmp_path / "load.toml", '{median = "80ms", p99 = "900ms"}'
    path.write_text(ARRIVING.format(whole="10m", commit="1ms", rate=4, takes=takes, at_once=8) + more + habit)
    store, plan = MemoryStore(), read_plan(path, JOBS)
    forecast(JOBS, plan, limits=BOLD, store=store)
    path.write_text(fitted(JOBS, all_records(store)), encoding="utf-8")
    again = read_plan(path, JOBS)
    (arrival,), (look,), work = again.arrivals, again.habits, again.receivers["work"]
    assert arrival.per_millisecond == pytest.approx(0.004, rel=0.1)
    assert [caller.name for caller in (*arrival.callers, *look.callers)] == ["ann", "bob"]
    assert look.after.median == pytest.approx(5_000, rel=0.1)
    assert look.share == pytest.approx(0.5, abs=0.06)
    assert (work.takes.median, work.takes.p99) == (pytest.approx(80, rel=0.1), pytest.approx(900, rel=0.25))
    assert dict(work.outcomes)["done"] == pytest.approx(0.8, abs=0.04)
    with pytest.raises(ValueError, match="no time in which"):
        fitted(JOBS, [])
    SqliteStore(tmp_path / "j.sqlite", identity="x").close()
    assert main(["simulate", str(ROOT / "examples" / "orders"), "--fit", str(tmp_path / "j.sqlite")]) != 0
    assert "no time in which" in capsys.readouterr().err


def test_the_command_says_it_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "load.toml"
    plan.write_text('for = "2m"\n[arrivals."Order.place"]\nrate = "1/s"\n', encoding="utf-8")
    orders, plot = str(ROOT / "examples" / "orders"), tmp_path / "plot.svg"
    assert main(["simulate", orders, "--load", str(plan), "--plot", str(plot)]) == 0
    said = capsys.readouterr().out
    assert "2m of virtual time" in said
    assert "Order.place" in said
    assert plot.read_text(encoding="utf-8").startswith("<svg")
    assert main(["simulate", orders, "--load", str(plan), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["effects"]["charge"]["settled"] > 50
    plan.write_text("[arivals]\n", encoding="utf-8")
    assert main(["simulate", orders, "--load", str(plan)]) != 0
    assert "error[load-broken]" in capsys.readouterr().err
    assert main(["simulate", str(ROOT / "examples" / "queue"), "--load"]) != 0
    assert "load.toml" in capsys.readouterr().err, "there is none beside the blueprint"
