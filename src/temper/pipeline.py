"""From a path to a certified table: read, build, certify. The flow of the architecture, legible in one place.

Every stage gives a value of its own type or the findings that stood in the way; nothing is printed and
nothing is raised for what an author got wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from temper.report import Diagnostic, Help, Severity, Source

if TYPE_CHECKING:
    from temper.language import Blueprint
    from temper.language.syntax import Tree
    from temper.machine import Certificate, Certified, Family, Scope, TransitionTable
    from temper.run import Image
    from temper.verify import Budget, KeptProofs, Progress, Prover, Upgrade

BYTES_MAX = 1_000_000
"""A longer file is not read: a blueprint is short enough to hold in one head."""
SECONDS_MAX = 60.0
"""How long a verification may take if nobody says otherwise."""
PROOFS = "proofs"
"""What `without` calls them."""
SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Read:
    """A blueprint's files as they lie in its folder: the blueprint itself and its Cedar policies."""

    source: Source
    policies: tuple[Source, ...] = ()

    @property
    def sources(self) -> tuple[Source, ...]:
        return (self.source, *self.policies)

    @property
    def folder(self) -> Path:
        return Path(self.source.path).parent


@dataclass(frozen=True, slots=True)
class Built:
    """How far a blueprint came: `table` is None if a finding is an error, `tree` if it could not even be read."""

    tree: Tree | None
    blueprint: Blueprint | None
    table: TransitionTable | None
    diagnostics: tuple[Diagnostic, ...]
    sources: tuple[Source, ...]

    @property
    def errors(self) -> int:
        return sum(finding.severity is Severity.ERROR for finding in self.diagnostics)


def read(path: Path) -> Read | Diagnostic:
    """The files behind `path`: a blueprint's file, or a folder that holds exactly one, with `*.cedar` beside it.

    >>> read(Path("no/such/place")).code
    'path-missing'
    """
    try:
        found = _blueprint_in(path) if path.is_dir() else path
        if isinstance(found, Diagnostic):
            return found
        beside = sorted(found.parent.glob("*.cedar"))
        return Read(_source(found), tuple(map(_source, beside)))
    except FileNotFoundError:
        return _finding("path-missing", f"there is no file or folder {path}", "name a blueprint or its folder")
    except UnicodeDecodeError as wrong:
        return _finding(
            "not-utf-8", f"{path} is not UTF-8 text: {wrong.reason} at byte {wrong.start}", "save it as UTF-8"
        )
    except _TooLongError as wrong:
        return _finding("file-too-large", f"{wrong} has more than {BYTES_MAX:,} bytes", "a blueprint is one short file")
    except OSError as wrong:
        return _finding(
            "file-unreadable", f"{wrong.filename or path} cannot be read: {wrong.strerror}", "look at its permissions"
        )


def build(path: Path, constants: Mapping[str, str] | None = None) -> Built:
    """Read, parse, check and lower. `constants` overrides the blueprint's own, as `--set N=3` does.

    >>> build(Path("no/such/place")).errors
    1
    """
    found = read(path)
    if isinstance(found, Diagnostic):
        return Built(None, None, None, (found,), ())
    return build_read(found, constants)


def build_read(found: Read, constants: Mapping[str, str] | None = None) -> Built:
    """The same for files that were read already, or that came over a wire."""
    from temper import language

    tree, findings = language.parse(found.source, found.policies)
    if tree is None:
        return Built(None, None, None, findings, found.sources)
    blueprint, more = language.check(tree, dict(constants or {}))
    findings = (*findings, *more)
    spoiled = blueprint is None or any(finding.severity is Severity.ERROR for finding in findings)
    table = None if spoiled or blueprint is None else language.lower(blueprint)
    return Built(tree, blueprint, table, findings, found.sources)


def family(built: Built, constants: Mapping[str, str] | None = None) -> Family | None:
    """The table with as many constants left open as can be, for proofs that hold for every value of them.

    `constants` are those that `build` was given. None if there is no table, or no constant that may be left open.

    >>> family(build(Path("no/such/place"))) is None
    True
    """
    from temper import language

    return None if built.tree is None or built.table is None else language.family(built.tree, dict(constants or {}))


@dataclass(frozen=True, slots=True)
class Live:
    """A running system, as a new version meets it: the versions so far, the oldest first, and what lives now."""

    history: tuple[TransitionTable, ...]
    images: tuple[Image, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What was decided about a table: `certified` if it may be loaded, else `reasons` say what stands in the way."""

    table: TransitionTable
    certificate: Certificate
    certified: Certified | None
    reasons: tuple[str, ...] = ()


def certify(
    table: TransitionTable,
    *,
    scope: Scope | None = None,
    seconds_max: float = SECONDS_MAX,
    only: Iterable[str] = (),
    live: Live | None = None,
    progress: Progress | None = None,
    without: Iterable[str] = (),
    bytes_max: int | None = None,
    jobs: int | None = None,
    prove: bool = True,
    prover: Prover | None = None,
    waiting: Callable[[float], None] | None = None,
    stop_at_first: bool = False,
    thorough: bool = False,
    family: Family | None = None,
    hints: KeptProofs | None = None,
) -> Judged:
    """Verify a table within a budget, from its start and, where it is to be loaded into one, from a live system.

    `without` names reductions of the search that are not to be used: `slicing`, `symmetry`, `partial-order`; and
    `proofs`, if the solver is not to be asked, as if `prove` were False. It is asked in a process of its own, which may
    have been started before as a `prover`, of the whole `family` of the table if that is given, and says nothing of
    runs that go on from what lives; proofs that lie beside the blueprint are `hints` that it tries first. Unsaid, a
    search takes at most half of the memory that is free, and as many workers as there are processors once it turns out
    to be large; how many work makes no difference to what they find. With `stop_at_first` the first refutation ends
    it. Who is `thorough` wants proofs, and waits for them.
    """
    from temper.verify import Budget, Reductions, certified
    from temper.verify import certify as verify

    only, without = tuple(only), frozenset(without)
    budget = Budget(seconds_max=seconds_max, bytes_max=bytes_max, stops_at_first=stop_at_first, thorough=thorough)
    begins = _begins(table, live, budget) if live else None
    certificate = verify(
        table,
        scope=scope,
        budget=budget,
        only=only,
        starts=begins.starts if begins else (),
        progress=progress,
        reductions=Reductions().without(without - {PROOFS}),
        jobs=jobs,
        prove=prove and not only and PROOFS not in without and live is None,
        prover=prover,
        waiting=waiting,
        family=family,
        hints=hints,
    )
    if begins is not None:
        from temper.verify import qualified

        certificate = qualified(certificate, begins.uncovered)
    outcome = certified(table, certificate)
    if isinstance(outcome, tuple):
        return Judged(table, certificate, None, outcome)
    return Judged(table, certificate, outcome)


def _begins(table: TransitionTable, live: Live, budget: Budget) -> Upgrade:
    """Where runs begin that go on from what lives. Who asks for no such thing need not read the runtime."""
    from temper.verify import upgrade

    return upgrade(live.history, table, live.images, budget)


def explain(code: str) -> str | None:
    """The page about a diagnostic or problem code, as Markdown; None if there is none.

    >>> explain("no-such-code") is None
    True
    """
    pages = pages_folder()
    page = pages / f"{code}.md"
    return page.read_text(encoding="utf-8") if code in codes() and page.is_file() else None


def codes() -> tuple[str, ...]:
    """Every code that has a page, sorted."""
    return tuple(sorted(page.stem for page in pages_folder().glob("*.md")))


def pages_folder() -> Path:
    """Where the pages are: in the installed package, or in `docs/diagnostics` of a checkout."""
    packaged = Path(__file__).parent / "pages"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "docs" / "diagnostics"


class _TooLongError(Exception):
    pass


def _blueprint_in(folder: Path) -> Path | Diagnostic:
    found = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file())
    match found:
        case [one]:
            return one
        case []:
            return _finding(
                "blueprint-missing", f"there is no blueprint in {folder}", "it is the one *.yaml of its folder"
            )
    names = ", ".join(path.name for path in found)
    return _finding("blueprint-ambiguous", f"{folder} holds {len(found)} blueprints: {names}", "name the file itself")


def _source(path: Path) -> Source:
    with path.open("rb") as file:
        data = file.read(BYTES_MAX + 1)
    if len(data) > BYTES_MAX:
        raise _TooLongError(path)
    return Source(str(path), data.decode("utf-8-sig"))


def _finding(code: str, message: str, cure: str) -> Diagnostic:
    return Diagnostic(code, message, None, helps=(Help(cure),))
