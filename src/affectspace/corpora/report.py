"""What a reader kept, left out and put right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ReadReport:
    """What came of reading. kept: rows in the table. left_out, repaired: reason -> rows. notes: sentences."""

    kept: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    repaired: Mapping[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def then(self, kept: int, reason: str) -> ReadReport:
        """The report after keeping fewer rows: the difference is left out for that reason."""
        gone = self.kept - kept
        left_out = Counter(dict(self.left_out))
        if gone:
            left_out[reason] += gone
        return ReadReport(kept, dict(left_out), dict(self.repaired), list(self.notes))

    def to_text(self) -> str:
        """A few lines: what was kept, left out and repaired, the most frequent reason first."""
        lines = [f"kept {self.kept:,} rows"]
        for title, counts in (("left out", self.left_out), ("repaired", self.repaired)):
            for reason, n in sorted(counts.items(), key=lambda item: -item[1]):
                lines.append(f"{title} {n:,}: {reason}")
        return "\n".join([*lines, *self.notes])
