"""The one table that RESULTS.md begins with: every system by every figure that people compare, as on the page."""

from __future__ import annotations

from pseudovox.report.formatting import Table
from pseudovox.report.page import summary
from pseudovox.report.page.experiment import Experiment


def overview_tables(experiment: Experiment) -> list[Table]:
    """A table for all speakers of `test`, or else of the first set; none without any figure."""
    bodies = [body for body in summary.bodies(experiment) if body.group == summary.ALL]
    body = next((body for body in bodies if body.set == "test"), bodies[0] if bodies else None)
    columns = summary.columns_of([body]) if body else []
    if body is None or not columns:
        return []
    rows = []
    for row in body.rows:
        cells = [row.cells.get(column.key) for column in columns]
        shown = [f"{cell.text} [{cell.interval.replace(' to ', ', ')}]" if cell and cell.interval else
                 cell.text if cell else "" for cell in cells]  # fmt: skip
        rows.append([row.name, *shown])
    return [
        Table(
            f"All systems ({body.set}, all speakers)",
            "The same figures as below, in short: EER of women and men together, their mean. " + summary.EER_MEANING,
            ["system", *(column.title for column in columns)],
            rows,
            [f"{column.title}: {column.meaning}" for column in columns if not column.attacker],
        )
    ]
