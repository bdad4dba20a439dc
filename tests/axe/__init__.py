"""axe-core, which finds in a page what keeps people from using it: faint colours, fields without names, wrong roles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from docs.generate.browser import Tab
from tests.node_packages import install

HERE = Path(__file__).parent
RUN = """axe.run(document, {resultTypes: ['violations']}).then(({violations}) =>
  violations.flatMap(({id, impact, nodes}) => nodes.map(node => [id, impact, node.html, node.failureSummary])))"""


@dataclass(frozen=True)
class Finding:
    """A rule that an element breaks; `impact` is minor, moderate, serious or critical."""

    rule: str
    impact: str
    element: str
    summary: str


def findings(tab: Tab) -> list[Finding]:
    """What axe finds in the page as it is now."""
    if not tab.evaluate("'axe' in window"):
        tab.evaluate((install(HERE) / "node_modules/axe-core/axe.min.js").read_text() + "; 0")
    return [Finding(*found) for found in tab.evaluate(RUN)]
