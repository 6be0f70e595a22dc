"""Blueprints that several tests read."""

from __future__ import annotations

from support.tree import ROOT

DEPLOY = (ROOT / "examples" / "deploy" / "deploy.yaml").read_text(encoding="utf-8")
EXAMPLES = {path.parent.name: path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("examples/*/*.yaml"))}
