"""Inspect pairs before training: their formats and values, and what is wrong with which pair.

    report = check(find_pairs([Path("facades")], "right"))
    print(*summary(report.findings), sep="\\n")
    write_report(report, Path("report"))

`report` reads every pair, `pair_facts` inspects one, `conclusions` compares all, `page` shows the findings.
"""

from pix2pix.config import DataConfig
from pix2pix.datasets.check.conclusions import conclude
from pix2pix.datasets.check.findings import KINDS, Finding, summary
from pix2pix.datasets.check.page import facts_of, write_report
from pix2pix.datasets.check.report import Report, scan
from pix2pix.pairs.find import PairSet
from pix2pix.progress import OnProgress, no_progress

__all__ = ["KINDS", "Finding", "Report", "check", "facts_of", "summary", "write_report"]


def check(pairs: PairSet, on_progress: OnProgress = no_progress, config: DataConfig | None = None) -> Report:
    """Read every pair once, on all cores, and report; `on_progress` receives pairs done and in all.

    `config` names ranges and the values without data, as for training. Files that cannot be read are
    findings, not errors.
    """
    report = scan(pairs, on_progress, config or DataConfig())
    report.findings = list(conclude(report))
    return report
