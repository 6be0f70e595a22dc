"""Law: what is honestly certified is confirmed, after a journey as a file, by somebody who believes none of it."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import HealthCheck, given, settings

from support.random_tables import random_tables
from temper.machine import Refuted, TransitionTable
from temper.verify import (
    Budget,
    Flaw,
    KeptCertificate,
    certify,
    kept_certificate_from_json,
    kept_certificate_to_json,
    recheck,
)

BUDGET = Budget(states_max=400, seconds_max=60)


def test_an_honest_certificate_holds() -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(random_tables())
    def law(table: TransitionTable) -> None:
        certificate = certify(table, budget=BUDGET)
        whole = KeptCertificate(certificate, table)
        kept = kept_certificate_from_json(json.loads(json.dumps(kept_certificate_to_json(whole))))
        assert kept == whole
        found = recheck(kept, table, budget=BUDGET)
        assert found.differences == (), "\n".join(map(str, found.differences))
        assert len(found.confirmed) == len(certificate.findings)
        seen["refuted"] += sum(isinstance(finding.verdict, Refuted) for finding in certificate.findings)
        seen["complete"] += certificate.search is not None and certificate.search.complete
        assert {each.flaw for each in recheck(kept, table, budget=Budget(states_max=1)).differences} <= {Flaw.UNCHECKED}

    law()
    assert seen["refuted"] > 20, seen
    assert seen["complete"] > 10, seen
