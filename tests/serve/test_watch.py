"""Following files: every change that comes to rest is told once, also one that came before the first look."""

from __future__ import annotations

import asyncio

from temper.pipeline import Read, read
from temper.report import Diagnostic
from temper.serve.watch import follow

SOON = 0.01


def test_changes_are_told_once_each(tmp_path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one")
    before = read(tmp_path)
    assert isinstance(before, Read)

    async def watch() -> list[str]:
        seen = []
        path.write_text("two")  # after it was read and before anybody looks
        async for found in follow(tmp_path, before, look_seconds=SOON):
            if isinstance(found, Diagnostic):
                seen.append(found.code)
                path.write_text("four")
                continue
            seen.append("|".join(source.text for source in found.sources))
            match seen[-1]:
                case "two":
                    (tmp_path / "p.cedar").write_text("policy")
                case "two|policy":
                    path.write_text("three")
                case "three|policy":
                    path.unlink()
                case "four|policy":
                    break
        return seen

    told = asyncio.run(asyncio.wait_for(watch(), 30))
    assert told == ["two", "two|policy", "three|policy", "blueprint-missing", "four|policy"]


def test_touching_a_file_is_no_change(tmp_path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("one")
    before = read(path)
    assert isinstance(before, Read)

    async def watch() -> str:
        following = follow(path, before, look_seconds=SOON)
        first = asyncio.ensure_future(anext(following))
        for _ in range(3):
            path.touch()
            await asyncio.sleep(5 * SOON)
        assert not first.done()
        path.write_text("two")
        found = await first
        await following.aclose()
        assert isinstance(found, Read)
        return found.source.text

    assert asyncio.run(asyncio.wait_for(watch(), 30)) == "two"
