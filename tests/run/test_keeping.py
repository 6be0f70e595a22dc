"""What is put away: instances, records and answers; what is left of them; and what it was at a moment."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from pathlib import Path

import pytest

from support.durable import all_records, all_rows, assert_whole
from support.nodes import Nodes
from support.running import Receiver, Running, table_of, trusted
from temper.machine import Address, Rejected
from temper.run import Admitted, MemoryStore, SqliteStore, StoreError, Terminal
from temper.run.archive import ArchiveBrokenError, archived, broken_archive, broken_record, parts
from temper.run.cut import cut_of
from temper.run.handlers import HandlersBrokenError
from temper.run.keeping import Keeping, Tidied
from temper.run.past import Past, instance_at
from temper.run.retention import DAY, Retention, load_retention
from temper.run.store.sqlite_backup import back_up, check

LETTERS = """
temper: 1
blueprint: letters
roles: [person]
effects:
  post:
    params: {text: str}
    outcomes: {posted: {}}
    delivery: keyed
    retry: {attempts: 1}
entities:
  Letter:
    data: {text: str, tellings: int}
    states: [draft, sealed, sent, gone]
    final: [sent, gone]
    waits: [draft, sealed]
    actions:
      write: {by: person, from: new, params: {text: str}, set: {text: args.text}, to: draft}
      add: {by: person, from: draft, set: {tellings: tellings + 1}}
      burn: {by: person, from: draft, to: gone}
      seal:
        by: person
        from: draft
        to: sealed
        do: [{effect: post, with: [text], then: {posted: arrive, unknown: lose}}]
      arrive: {from: sealed, to: sent}
      lose: {from: sealed, to: sent}
      tell:
        by: person
        params: {other: Letter}
        from: draft
        send: [{to: args.other, action: hear, refused: not_heard}]
      hear: {from: draft, set: {tellings: tellings + 1}}
      not_heard: {params: {reason: str}, from: draft, set: {text: args.reason}}
"""
TABLE = table_of(LETTERS)
KEPT = Retention(records=30 * DAY, answers=10 * DAY, finished={"Letter": 5 * DAY})


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "journal.sqlite", identity="one")


@contextlib.asynccontextmanager
async def running(store, **more):
    async with Running(TABLE, store, {"post": Receiver("posted")}, **more) as system:
        yield system


def keeping(system: Running, folder: Path, retention: Retention = KEPT) -> Keeping:
    system.runtime.keep(retention, folder)
    assert system.runtime.keeping is not None
    return system.runtime.keeping


async def some_letters(system: Running) -> None:
    for id_ in ("a", "b", "c"):
        await system.done("Letter", id_, "write", {"text": id_}, key=f"write-{id_}")
    await system.done("Letter", "a", "burn")
    await system.done("Letter", "b", "seal")
    await system.runtime.quiet()


async def tidied(system: Running, folder: Path, retention: Retention = KEPT) -> Tidied:
    done = await keeping(system, folder, retention).tidy()
    assert isinstance(done, Tidied), done
    return done


def test_nothing_young_is_put_away(store, tmp_path) -> None:
    async def main() -> None:
        async with running(store) as system:
            await some_letters(system)
            assert await tidied(system, tmp_path) == Tidied(0, 0, 0, 0)
            assert system.state("Letter", "a") == "gone"

    asyncio.run(main())


def test_finished_instances_go_and_their_ids_stay_taken(store, tmp_path) -> None:
    async def main() -> None:
        async with running(store) as system:
            await some_letters(system)
            before = [await system.call("Letter", "a", "add"), await system.call("Letter", "a", "write", {"text": "x"})]
            system.clock.advance(6 * DAY)
            assert (await tidied(system, tmp_path)).instances == 2
            for id_ in ("a", "b"):
                seen = system.runtime.read("Letter", id_)
                assert isinstance(seen, Terminal)
                assert seen.code == "unknown-instance"
                again = await system.call("Letter", id_, "write", {"text": "again"})
                assert isinstance(again, Rejected)
                assert again.code == "id-taken"
            assert isinstance(before[0], Rejected)
            assert system.state("Letter", "c") == "draft", "what is not final stays"
            assert (await tidied(system, tmp_path)).instances == 0
            assert_whole(store, tmp_path)

    asyncio.run(main())


def test_a_message_to_what_was_put_away_is_refused_as_before(store, tmp_path) -> None:
    async def main() -> None:
        async with running(store) as system:
            await some_letters(system)
            await system.done("Letter", "c", "tell", {"other": "a"})
            await system.runtime.quiet()
            before = system.seen("Letter", "c").data["text"]
            system.clock.advance(6 * DAY)
            await tidied(system, tmp_path)
            await system.done("Letter", "c", "tell", {"other": "a"})
            await system.runtime.quiet()
            assert system.seen("Letter", "c").data["text"] == before == "wrong-state"
            assert_whole(store, tmp_path)

    asyncio.run(main())


def test_what_owes_something_is_not_put_away(store, tmp_path) -> None:
    async def main() -> None:
        gate = asyncio.Event()
        async with Running(TABLE, store, {"post": Receiver("posted", gate=gate)}) as system:
            await some_letters_without_waiting(system)
            system.clock.advance(6 * DAY)
            assert (await tidied(system, tmp_path)).instances == 1, "a is burnt; b is not final before it is posted"
            gate.set()
            await system.runtime.quiet()
            assert system.state("Letter", "b") == "sent"
            assert (await tidied(system, tmp_path)).instances == 0, "it has been final for a moment only"

    asyncio.run(main())


async def some_letters_without_waiting(system: Running) -> None:
    await system.done("Letter", "a", "write", {"text": "a"})
    await system.done("Letter", "b", "write", {"text": "b"})
    await system.done("Letter", "a", "burn")
    await system.done("Letter", "b", "seal")


def test_an_id_stays_taken_under_another_version(store, tmp_path) -> None:
    async def main() -> None:
        async with running(store) as system:
            await some_letters(system)
            system.clock.advance(6 * DAY)
            await tidied(system, tmp_path)
            wider = table_of(LETTERS.replace("tellings: int}", "tellings: int, stamp: int[0, 9]}"))
            assert isinstance(await system.runtime.apply(trusted(wider)), Admitted)
            again = await system.call("Letter", "a", "write", {"text": "again"})
            assert isinstance(again, Rejected)
            assert again.code == "id-taken"
            assert system.seen("Letter", "c").data["stamp"] == 0
            assert_whole(store, tmp_path)

    asyncio.run(main())


# Records


def test_old_records_go_into_the_archive_and_the_chain_goes_through(store, tmp_path) -> None:
    async def main() -> None:
        async with running(store) as system:
            await some_letters(system)
            system.clock.advance(20 * DAY)
            await system.done("Letter", "c", "add")
            system.clock.advance(20 * DAY)
            await system.done("Letter", "c", "add")
            everything = all_rows(store)
            done = await tidied(system, tmp_path, Retention(records=30 * DAY))
            assert done.records == done.cut > 5
            assert [row.number for row in store.records()] == list(range(done.cut + 1, len(everything) + 1))
            assert all_rows(store, tmp_path) == everything, "each record is somewhere, as it was"
            assert broken_record(store) is None
            assert system.runtime.first_broken_record() is None
            assert broken_archive(tmp_path, cut_of(store)) == ""
            assert_whole(store, tmp_path)
            system.clock.advance(60 * DAY)
            more = await tidied(system, tmp_path, Retention(records=30 * DAY))
            assert more.cut == len(everything) - 1, "the last one stays"
            assert len(parts(tmp_path)) == 2
            await system.done("Letter", "c", "add")
            assert_whole(store, tmp_path)

    asyncio.run(main())


def test_it_goes_on_from_a_cut_after_a_restart(tmp_path) -> None:
    path = tmp_path / "journal.sqlite"

    async def main() -> None:
        async with running(SqliteStore(path, identity="one")) as system:
            await some_letters(system)
            system.clock.advance(40 * DAY)
            await tidied(system, tmp_path)
        store = SqliteStore(path, identity="one")
        async with running(store) as system:
            await system.done("Letter", "c", "add")
            assert system.runtime.first_broken_record() is None
            assert_whole(store, tmp_path)

    asyncio.run(main())


@pytest.mark.parametrize("harm", ["altered", "lost", "shortened", "other"])
def test_a_harmed_archive_is_noticed(tmp_path, harm) -> None:
    store = MemoryStore()

    async def main() -> None:
        async with running(store) as system:
            await some_letters(system)
            system.clock.advance(40 * DAY)
            await tidied(system, tmp_path)

    asyncio.run(main())
    cut, (part,) = cut_of(store), parts(tmp_path)
    if harm == "lost":
        part.path.unlink()
    elif harm == "shortened":
        part.path.write_bytes(part.path.read_bytes()[:-20])
    else:
        lines = gzip.decompress(part.path.read_bytes()).decode().splitlines()
        told = json.loads(lines[2])
        if harm == "altered":
            told["body"] = told["body"].replace('"ann"', '"eve"')
            lines[2] = json.dumps(told)
        else:
            lines[0] = lines[0].replace('"before":"0', '"before":"1')
        part.path.write_bytes(gzip.compress("\n".join(lines).encode()))
    assert broken_archive(tmp_path, cut)
    if harm in {"lost", "shortened"}:
        with pytest.raises(ArchiveBrokenError):
            list(archived(tmp_path, cut))


def test_an_altered_record_behind_the_cut_is_noticed(tmp_path) -> None:
    store = MemoryStore()

    async def main() -> None:
        async with running(store) as system:
            await some_letters(system)
            system.clock.advance(40 * DAY)
            await system.done("Letter", "c", "add")
            await tidied(system, tmp_path)
            row = store._records[-1]
            store._records[-1] = row._replace(body=row.body + " ")
            assert system.runtime.first_broken_record() == row.number

    asyncio.run(main())


# Answers


def test_answers_are_forgotten_when_they_are_old(store, tmp_path) -> None:
    async def main() -> None:
        async with running(store) as system:
            await some_letters(system)
            again = await system.done("Letter", "c", "write", {"text": "c"}, key="write-c")
            assert again.repeated
            system.clock.advance(11 * DAY)
            await system.done("Letter", "d", "write", {"text": "d"}, key="write-d")
            assert (await tidied(system, tmp_path)).answers == 3
            assert store.answer("write-c") is None
            assert (await system.done("Letter", "d", "write", {"text": "d"}, key="write-d")).repeated
            anew = await system.call("Letter", "c", "write", {"text": "c"}, key="write-c")
            assert isinstance(anew, Rejected), "nobody remembers, so it is decided anew"

    asyncio.run(main())


def test_nodes_of_one_database_put_the_same_things_away_at_once(postgres) -> None:
    retention = Retention(answers=10 * DAY, finished={"Letter": 5 * DAY})

    async def main() -> None:
        async with Nodes(TABLE, postgres) as nodes:
            living = [await nodes.begin({"post": Receiver("posted")}) for _ in range(3)]
            for number in range(20):
                await living[number % 3].done("Letter", f"l{number}", "write", {"text": "a"}, key=f"k{number}")
                await living[(number + 1) % 3].done("Letter", f"l{number}", "burn" if number % 2 else "seal")
            await living[0].done("Letter", "young", "write", {"text": "a"}, key="young")
            await nodes.quiet()
            nodes.clock.advance(11 * DAY)
            await living[0].done("Letter", "young", "burn", key="late")
            for node in living:
                node.runtime.keep(retention, None)
            for _ in range(2):
                done = await asyncio.gather(*(node.runtime.keeping.tidy() for node in living))
                assert all(isinstance(each, Tidied) for each in done), done
            left = [row.id for row in living[1].store.all_cells("Letter") if not row.burnt]
            assert left == ["young"]
            assert [key for key, _ in living[2].store.answered("", 100)] == ["late"]
            for node in living:
                again = await node.call("Letter", "l3", "write", {"text": "again"})
                assert isinstance(again, Rejected)
                assert again.code == "id-taken"
            retired = [record for record in all_records(living[0].store) if record["rule"] == "retire"]
            assert len(retired) == 20, "once each"
            nodes.check()

    asyncio.run(main())


# A moment


def test_an_instance_is_what_it_was(store, tmp_path) -> None:
    async def main() -> None:
        async with running(store) as system:
            seen = {}
            await system.done("Letter", "a", "write", {"text": "one"})
            for _ in range(4):
                seen[system.clock.now()] = system.seen("Letter", "a")
                system.clock.advance(DAY)
                await system.done("Letter", "a", "add")
            wider = table_of(LETTERS.replace("tellings: int}", "tellings: int, stamp: int[0, 9]}"))
            assert isinstance(await system.runtime.apply(trusted(wider)), Admitted)
            system.clock.advance(DAY)
            await system.done("Letter", "a", "burn")
            system.clock.advance(40 * DAY)
            first, last = min(seen), system.clock.now()
            for turn in range(2):
                if turn:
                    assert (await tidied(system, tmp_path)).instances == 1
                for at, was in seen.items():
                    past = at_moment(system, tmp_path, at)
                    assert (past.state, past.seq, past.data) == (was.state, was.seq, was.data)
                    assert (past.version, "stamp" in past.data) == (1, False)
                    assert not past.retired
                assert system.runtime.past(Address("Letter", "a"), first - 1, tmp_path) is None
                past = at_moment(system, tmp_path, last)
                assert (past.state, past.data["stamp"], past.version) == ("gone", 0, 2)
            system.clock.advance(1)
            assert at_moment(system, tmp_path, system.clock.now()).retired

    asyncio.run(main())


def at_moment(system: Running, folder: Path, moment: int) -> Past:
    past = system.runtime.past(Address("Letter", "a"), moment, folder)
    assert isinstance(past, Past)
    return past


def test_what_is_lost_of_the_archive_is_not_passed_over(tmp_path) -> None:
    store = MemoryStore()

    async def main() -> None:
        async with running(store) as system:
            await some_letters(system)
            system.clock.advance(40 * DAY)
            await tidied(system, tmp_path)
            parts(tmp_path)[0].path.unlink()
            with pytest.raises(ArchiveBrokenError):
                instance_at(store, system.runtime.versions(), tmp_path, Address("Letter", "c"), 10**15)

    asyncio.run(main())


# Backups


def test_a_backup_is_one_moment_and_goes_on(tmp_path) -> None:
    path, copy = tmp_path / "journal.sqlite", tmp_path / "copies" / "copy.sqlite"

    async def main() -> None:
        store = SqliteStore(path, identity="one")
        async with running(store) as system:
            await some_letters(system)
            calls = asyncio.gather(*(system.done("Letter", f"n{n}", "write", {"text": "n"}) for n in range(50)))
            done = await asyncio.to_thread(back_up, path, copy)
            await calls
            assert 5 < done.record <= store.head().record
            await system.done("Letter", "late", "write", {"text": "late"})
            assert (copy.stat().st_mode & 0o077) == 0
        opened = SqliteStore(copy, identity="two")
        assert_whole(opened)
        async with running(opened) as system:
            assert isinstance(system.runtime.read("Letter", "late"), Terminal)
            await system.done("Letter", "late", "write", {"text": "again"})
            assert_whole(opened)

    asyncio.run(main())


def test_a_backup_overwrites_nothing_and_leaves_nothing_half_done(tmp_path) -> None:
    path, copy = tmp_path / "journal.sqlite", tmp_path / "copy.sqlite"

    async def main() -> None:
        async with running(SqliteStore(path, identity="one")) as system:
            await some_letters(system)

    asyncio.run(main())
    copy.write_text("mine")
    with pytest.raises(StoreError, match="overwrites nothing"):
        back_up(path, copy)
    assert copy.read_text() == "mine"
    with pytest.raises(StoreError):
        back_up(tmp_path / "missing.sqlite", tmp_path / "other.sqlite")
    assert sorted(each.name for each in tmp_path.glob("*.sqlite")) == ["copy.sqlite", "journal.sqlite"]
    assert not list(tmp_path.glob(".*.half"))


@pytest.mark.parametrize("table", ["UPDATE records SET body = replace(body, 'ann', 'eve') WHERE number = 3", "DELETE FROM records WHERE number = (SELECT max(number) FROM records)", "UPDATE head SET record = record + 1"])  # fmt: skip
def test_a_copy_that_is_wrong_is_noticed(tmp_path, table) -> None:
    import sqlite3

    path = tmp_path / "journal.sqlite"

    async def main() -> None:
        async with running(SqliteStore(path, identity="one")) as system:
            await some_letters(system)

    asyncio.run(main())
    check(path)
    with contextlib.closing(sqlite3.connect(path)) as opened, opened:
        opened.execute(table)
    with pytest.raises(StoreError):
        check(path)


# What the operator says


def told(tmp_path: Path, text: str) -> Retention:
    path = tmp_path / "temper.toml"
    path.write_text(text)
    return load_retention(path, TABLE)


def test_the_operator_says_how_long(tmp_path) -> None:
    assert told(tmp_path, "").keeps_everything
    said = '[retention]\nrecords = "90d"\nanswers = "12h"\n[retention.finished]\nLetter = "30d"\n'
    assert told(tmp_path, said) == Retention(90 * DAY, DAY // 2, {"Letter": 30 * DAY})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[retention]\nrecord = "1d"', "did you mean `records`"),
        ("[retention]\nrecords = 30", "is a duration"),
        ('[retention.finished]\nLeter = "1d"', "did you mean `Letter`"),
        ("retention = 3", "must be a table"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, complaint) -> None:
    with pytest.raises(HandlersBrokenError, match=complaint):
        told(tmp_path, text)


def test_no_state_that_never_ends_is_put_away(tmp_path) -> None:
    endless = table_of(LETTERS.replace("    final: [sent, gone]\n", "").replace("sealed]", "sealed, sent, gone]"))
    path = tmp_path / "temper.toml"
    path.write_text('[retention.finished]\nLetter = "30d"\n')
    with pytest.raises(HandlersBrokenError, match="no state of Letter is final"):
        load_retention(path, endless)


def test_a_file_of_another_history_is_not_taken_for_ours(tmp_path) -> None:
    """As after a backup was put back, and other things happened than before."""

    async def lived(text: str) -> MemoryStore:
        store = MemoryStore()
        async with running(store) as system:
            await system.done("Letter", "a", "write", {"text": text})
            await system.done("Letter", "a", "add")
        return store

    async def main() -> None:
        one, other = await lived("one"), await lived("other")
        for store in (one, other):
            async with running(store) as system:
                system.clock.advance(40 * DAY)
                answer = await keeping(system, tmp_path, Retention(records=DAY)).tidy()
                if store is one:
                    assert isinstance(answer, Tidied)
                else:
                    assert not isinstance(answer, Tidied)
                    assert "another history" in answer.message
                    assert cut_of(store).number == 0

    asyncio.run(main())
