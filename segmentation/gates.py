"""Quality gates: figures that say whether prepared images deserve trust, the range each must lie in, and what follows.

A gate is judged where it is measured; whether a failed one stops the study or is said beside the result is the
policy's to decide, here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from segmentation.errors import GateFailedError


class OnFailure(StrEnum):
    """What a failed gate does to the study."""

    STOP = "stop"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Gate:
    """One figure and the range it should lie in; `None` is an open end."""

    name: str
    """What was measured, and on which series: `snr t2`. The first word is the kind that the policy goes by."""
    value: float
    unit: str
    low: float | None
    high: float | None
    passed: bool
    message: str
    """For the reader, passed or not."""

    @property
    def kind(self) -> str:
        """The name without its series."""
        return self.name.split()[0]


Policy = Mapping[str, OnFailure]

DEFAULT_POLICY: Policy = MappingProxyType(
    {
        "structure": OnFailure.STOP,
        "similarity": OnFailure.WARN,
        "alignment": OnFailure.WARN,
        "mirror": OnFailure.STOP,
        "brain_volume": OnFailure.STOP,
        "brain_volume_usual": OnFailure.WARN,
        "coverage": OnFailure.STOP,
        "coverage_full": OnFailure.WARN,
        "mask_overlap": OnFailure.WARN,
        "snr": OnFailure.WARN,
        "ghosting": OnFailure.WARN,
    }
)
WARN_ONLY: Policy = MappingProxyType(dict.fromkeys(DEFAULT_POLICY, OnFailure.WARN))
"""For images that someone else prepared: they are answered for there."""


def judged(
    name: str, value: float, unit: str, limits: tuple[float | None, float | None], message: str
) -> Gate:
    """The gate for a figure, passed where it lies within the limits, ends included."""
    low, high = limits
    passed = (low is None or value >= low) and (high is None or value <= high)
    return Gate(name, value, unit, low, high, passed, message)


def enforce(gates: tuple[Gate, ...], policy: Policy = DEFAULT_POLICY) -> tuple[str, ...]:
    """The words of failed gates that the policy lets through, as warnings.

    Raises:
        GateFailedError: a gate failed whose kind the policy stops, in the words of all such gates.
    """
    failed = [gate for gate in gates if not gate.passed]
    stopping = [gate.message for gate in failed if policy[gate.kind] is OnFailure.STOP]
    if stopping:
        raise GateFailedError(" ".join(stopping))
    return tuple(dict.fromkeys(gate.message for gate in failed))
