"""A report as one file that stands alone: its style inside, its drawings as SVG, no script."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from cloud.desk.report.pieces import Report
from cloud.desk.report.store import Issued
from cloud.tiers.rating.policy import Words as Names
from cloud.web.customers import report_views
from cloud.web.language import Words, known
from cloud.web.pages import STATIC, environment


def rendered(
    report: Report,
    issued: Issued | None,
    names: Mapping[str, Names],
    *,
    language: str,
    zone: ZoneInfo,
    station: str,
    customer: str,
    address: str,
) -> str:
    """`issued` None: as it stands now; `names` of the sub-tiers. Name and address are those of today."""
    words = Words(known(language), zone)
    values: dict[str, Any] = report_views.values(report, issued, names, words)
    frame = {"words": words, "station": station, "customer_name": customer, "address": address}
    css = Markup((STATIC / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    template = environment(words.language).get_template("report/document.html")
    return template.render(values | frame | {"css": css})


def name_of(report: Report, issued: Issued | None) -> str:
    """As a browser keeps it: the account's number and the month."""
    revision = f"-r{issued.revision}" if issued is not None else ""
    number = "".join(each if each.isalnum() and each.isascii() else "_" for each in report.account)
    return f"energy-report-{number}-{report.month:%Y-%m}{revision}.html"
