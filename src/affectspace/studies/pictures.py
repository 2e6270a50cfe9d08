"""A figure of a study with its file, caption and description."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from affectspace.report import save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A figure with the name of its file, its caption and its description in words."""

    name: str
    figure: "Figure"
    caption: str
    alt: str

    def path(self, folder: Path) -> Path:
        """Where the figure is in a run's or study's folder."""
        return folder / "figures" / f"{self.name}.png"

    def save(self, folder: Path) -> Path:
        return save_figure(self.figure, self.path(folder))
