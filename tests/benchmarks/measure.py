"""Contestants that take turns at the same work, and the medians and ratios that come of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from statistics import median

Contestant = Callable[[], Mapping[str, float]]
"""Does the work once and returns what was measured, such as ``{"seconds": 1.2}``; less is better."""

Samples = dict[str, dict[str, list[float]]]


def interleave(contestants: Mapping[str, Contestant], runs: int, slow: Collection[str] = ()) -> Samples:
    """Let all contestants work once in each round, beginning with another one each time.

    :param slow: those that work in every third round only.
    """
    samples: Samples = {name: {} for name in contestants}
    names = list(contestants)
    for number in range(runs):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            if name in slow and number % 3:
                continue
            for metric, value in contestants[name]().items():
                samples[name].setdefault(metric, []).append(value)
    return samples


@dataclass(frozen=True)
class Table:
    """What one benchmark found.

    :param title: the work that was done.
    :param ours: the contestant that the ratios compare the others with.
    :param samples: all values, by contestant and metric.
    """

    title: str
    ours: str
    samples: Samples

    def medians(self) -> dict[str, dict[str, float]]:
        """Return the median of each metric of each contestant."""
        return {
            name: {metric: median(values) for metric, values in found.items()} for name, found in self.samples.items()
        }

    def text(self) -> str:
        """Return the table: medians, the range in brackets, and how many times ours that is."""
        medians = self.medians()
        metrics = list(dict.fromkeys(metric for found in self.samples.values() for metric in found))
        header = ["", *(cell for metric in metrics for cell in (metric, "x ours"))]
        rows = [header]
        for name, found in self.samples.items():
            row = [name]
            for metric in metrics:
                values, own = found.get(metric), medians[self.ours].get(metric)
                if values is None:
                    row += ["", ""]
                    continue
                row.append(f"{median(values):.4g} ({min(values):.4g}-{max(values):.4g})")
                row.append(f"{median(values) / own:.2f}" if own else "")
            rows.append(row)
        return f"### {self.title}\n\n{_markdown(rows)}\n"

    def as_json(self) -> dict[str, object]:
        """Return all that was measured."""
        return {"title": self.title, "ours": self.ours, "samples": self.samples, "medians": self.medians()}


def _markdown(rows: list[list[str]]) -> str:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "| " + " | ".join("-" * width for width in widths) + " |", *lines[1:]])
