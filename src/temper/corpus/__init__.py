"""The corpus: runs that once showed something, kept beside the blueprint and taken again by every verification."""

from typing import TYPE_CHECKING

from temper.door import opened

if TYPE_CHECKING:
    from temper.corpus.capturing import Records, TooWideError, captured
    from temper.corpus.finding import scenarios_found
    from temper.corpus.folder import Corpus, keep, read_corpus, scenarios_folder
    from temper.corpus.reading import NoScenarioError, address_of, scenario_from_data, scenario_from_yaml
    from temper.corpus.rerunning import Rerun, Result, rerun, with_refutations
    from temper.corpus.scenario import Origin, Scenario, Standing
    from temper.corpus.writing import place_text, scenario_to_yaml

__all__ = [
    "Corpus",
    "NoScenarioError",
    "Origin",
    "Records",
    "Rerun",
    "Result",
    "Scenario",
    "Standing",
    "TooWideError",
    "address_of",
    "captured",
    "keep",
    "place_text",
    "read_corpus",
    "rerun",
    "scenario_from_data",
    "scenario_from_yaml",
    "scenario_to_yaml",
    "scenarios_folder",
    "scenarios_found",
    "with_refutations",
]

__getattr__ = opened(__name__, __file__)
