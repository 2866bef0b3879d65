"""Pictures of a model's figures: a row for each, drawn on one axis by the server. The numbers are the model's own."""

from __future__ import annotations

from dataclasses import dataclass

from frontend.formatting import PHASE_NAMES, REGION_NAMES
from segmentation.accuracy import MeasuredDice
from segmentation.interval import LEVEL, IntervalCalibration
from segmentation.model_description import ModelDescription
from segmentation.types import Phase

LEFT, RIGHT = 250.0, 620.0
"""Where the axis begins and ends, in units of the picture."""
ROW, TOP = 26, 24
CODES = {"oedema": "ED", "nonenhancing_core": "NC"}
"""Names of quantities in a calibration that differ from the codes on pages."""
LEAST_COVERAGE = 0.5


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One figure: its words, and where it lies on the axis."""

    label: str
    code: str
    """WT, TC, ET, ED or NC: the colour."""
    written: str
    y: int
    mark: float
    low: float | None = None
    width: float | None = None
    """The range drawn behind the mark; None where there is none."""

    @property
    def text_y(self) -> int:
        """Where the words of the row stand."""
        return self.y + 5


@dataclass(frozen=True, slots=True)
class Figure:
    """Rows on one axis; `target` is where a line stands that they are to be held against."""

    rows: tuple[FigureRow, ...]
    ticks: tuple[tuple[float, str], ...]
    target: float | None = None
    left: float = LEFT
    right: float = RIGHT

    @property
    def axis_y(self) -> int:
        """The height of the axis, below all rows."""
        return TOP + ROW * len(self.rows)

    @property
    def height(self) -> int:
        """The height of the picture."""
        return self.axis_y + 24

    @property
    def ticks_y(self) -> int:
        """Where the words of the axis stand."""
        return self.axis_y + 18


def dice_figure(description: ModelDescription) -> Figure | None:
    """Mean Dice and its spread over the cases by phase and region; None where it was not measured."""
    if description.accuracy is None:
        return None
    known = list(Phase)
    ordered = sorted(description.accuracy.rows, key=lambda one: known.index(one.phase))
    rows = tuple(_dice_row(one, place) for place, one in enumerate(ordered))
    return Figure(rows, tuple((_at(value, 0.0), f"{value:g}") for value in (0, 0.25, 0.5, 0.75, 1)))


def coverage_figure(calibration: IntervalCalibration | None) -> Figure | None:
    """How often intervals held the truth, against the 95 % that they promise; None where it was not measured."""
    if calibration is None or not calibration.coverage:
        return None
    rows = tuple(
        FigureRow(
            REGION_NAMES[CODES.get(name, name)],
            CODES.get(name, name),
            f"{share * 100:.1f} %",
            TOP + ROW * place + ROW // 2,
            _at(share, LEAST_COVERAGE),
        )
        for place, (name, share) in enumerate(calibration.coverage.items())
    )
    ticks = tuple((_at(value, LEAST_COVERAGE), f"{value * 100:.0f} %") for value in (0.5, 0.75, 1))
    return Figure(rows, ticks, target=_at(LEVEL, LEAST_COVERAGE))


def _dice_row(one: MeasuredDice, place: int) -> FigureRow:
    when = "all phases" if one.phase is Phase.UNKNOWN else PHASE_NAMES[one.phase]
    low = high = None
    if one.sd is not None:
        low, high = _at(max(0.0, one.mean - one.sd), 0.0), _at(min(1.0, one.mean + one.sd), 0.0)
    return FigureRow(
        f"{REGION_NAMES[one.compartment]}, {when}",
        one.compartment.value,
        f"{one.mean:.3g}",
        TOP + ROW * place + ROW // 2,
        _at(one.mean, 0.0),
        low,
        None if low is None or high is None else round(high - low, 1),
    )


def _at(value: float, least: float) -> float:
    """The place of a figure on an axis from `least` to 1; what lies below stands at its beginning."""
    share = max(0.0, value - least) / (1 - least)
    return round(LEFT + (RIGHT - LEFT) * share, 1)
