"""Verifiers: what can be said about a table, how it is known, and what may be loaded."""

from typing import TYPE_CHECKING

from temper.door import opened

if TYPE_CHECKING:
    from temper.verify.access import Changed, Changes, Example, Remark, RemarkKind, Way, WhoCan
    from temper.verify.access_json import attempt_json, changes_json, reach_json, remark_json, who_can_json
    from temper.verify.access_text import (
        attempt_lines,
        change_lines,
        example_text,
        reach_lines,
        remark_lines,
        who_can_lines,
    )
    from temper.verify.available import bytes_used
    from temper.verify.budget import Budget
    from temper.verify.cascade import ENGINES, certified, certify, objections, still_certified
    from temper.verify.certificate_json import (
        certificate_from_json,
        certificate_from_line,
        certificate_to_json,
        certificate_to_line,
        trace_from_json,
        trace_to_json,
    )
    from temper.verify.conform.conformance import Conformance, Deviation, Following, conform
    from temper.verify.conform.guided import Guided, UntypedError
    from temper.verify.conform.imported import told_of_calls
    from temper.verify.conform.journal import NoRecordError, told_of_records
    from temper.verify.conform.retrace import Gone, Retraced, retrace, standing_differences
    from temper.verify.conform.told import RULES, Told, told_of
    from temper.verify.contradiction import ContradictionError
    from temper.verify.coverage_text import brief_coverage, coverage_json, coverage_lines, statistics_json
    from temper.verify.diagnose import certificate_text, diagnose
    from temper.verify.explicit import Progress, Report, search
    from temper.verify.kept_certificate import KeptCertificate, kept_certificate_from_json, kept_certificate_to_json
    from temper.verify.kept_proofs import KeptProofs, kept_proofs, proofs_path, read_proofs, write_proofs
    from temper.verify.kept_trace import KeptTrace, kept_trace_from_json, kept_trace_to_json, kept_traces
    from temper.verify.model import Model, TableModel, Transition
    from temper.verify.obligations import owed
    from temper.verify.parting import Parting
    from temper.verify.prover import Prover
    from temper.verify.reach import (
        Attempt,
        Gets,
        Never,
        NotWithin,
        Open,
        Reach,
        reach_universe,
        reaches_alone,
        who_reaches,
    )
    from temper.verify.recheck import Difference, Flaw, Rechecked, recheck
    from temper.verify.reductions import NO_REDUCTIONS, Reductions
    from temper.verify.replay import Diverged, Replayed, replay
    from temper.verify.report import report_json
    from temper.verify.sequence import instances_in, sequence_diagram
    from temper.verify.simulate import (
        MOVES_MAX,
        Asked,
        SimulatedLoop,
        Tally,
        UnknownFaultError,
        rates,
        run_lines,
        simulate,
        simulation_json,
        simulation_lines,
        simulation_verdicts,
        smallest,
    )
    from temper.verify.state_space import NotDrawn, StateSpace, state_space
    from temper.verify.survey import Coverage, Statistics, Survey, survey
    from temper.verify.symbolic import changes, needless, who_can
    from temper.verify.text import step_text, trace_text, value_text, verdict_text
    from temper.verify.upgrade import Upgrade, look_of, qualified, upgrade
    from temper.verify.walk import Walk, walk
    from temper.verify.walk_text import walk_json, walk_lines

__all__ = [
    "ENGINES",
    "MOVES_MAX",
    "NO_REDUCTIONS",
    "RULES",
    "Asked",
    "Attempt",
    "Budget",
    "Changed",
    "Changes",
    "Conformance",
    "ContradictionError",
    "Coverage",
    "Deviation",
    "Difference",
    "Diverged",
    "Example",
    "Flaw",
    "Following",
    "Gets",
    "Gone",
    "Guided",
    "KeptCertificate",
    "KeptProofs",
    "KeptTrace",
    "Model",
    "Never",
    "NoRecordError",
    "NotDrawn",
    "NotWithin",
    "Open",
    "Parting",
    "Progress",
    "Prover",
    "Reach",
    "Rechecked",
    "Reductions",
    "Remark",
    "RemarkKind",
    "Replayed",
    "Report",
    "Retraced",
    "SimulatedLoop",
    "StateSpace",
    "Statistics",
    "Survey",
    "TableModel",
    "Tally",
    "Told",
    "Transition",
    "UnknownFaultError",
    "UntypedError",
    "Upgrade",
    "Walk",
    "Way",
    "WhoCan",
    "attempt_json",
    "attempt_lines",
    "brief_coverage",
    "bytes_used",
    "certificate_from_json",
    "certificate_from_line",
    "certificate_text",
    "certificate_to_json",
    "certificate_to_line",
    "certified",
    "certify",
    "change_lines",
    "changes",
    "changes_json",
    "conform",
    "coverage_json",
    "coverage_lines",
    "diagnose",
    "example_text",
    "instances_in",
    "kept_certificate_from_json",
    "kept_certificate_to_json",
    "kept_proofs",
    "kept_trace_from_json",
    "kept_trace_to_json",
    "kept_traces",
    "look_of",
    "needless",
    "objections",
    "owed",
    "proofs_path",
    "qualified",
    "rates",
    "reach_json",
    "reach_lines",
    "reach_universe",
    "reaches_alone",
    "read_proofs",
    "recheck",
    "remark_json",
    "remark_lines",
    "replay",
    "report_json",
    "retrace",
    "run_lines",
    "search",
    "sequence_diagram",
    "simulate",
    "simulation_json",
    "simulation_lines",
    "simulation_verdicts",
    "smallest",
    "standing_differences",
    "state_space",
    "statistics_json",
    "step_text",
    "still_certified",
    "survey",
    "told_of",
    "told_of_calls",
    "told_of_records",
    "trace_from_json",
    "trace_text",
    "trace_to_json",
    "upgrade",
    "value_text",
    "verdict_text",
    "walk",
    "walk_json",
    "walk_lines",
    "who_can",
    "who_can_json",
    "who_can_lines",
    "who_reaches",
    "write_proofs",
]
__getattr__ = opened(__name__, __file__)
