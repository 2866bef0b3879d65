from __future__ import annotations

import numpy as np
import pytest

from segmentation.plausibility import implausible, share_on_surface
from segmentation.types import Tissue

CENTRE = (40, 40, 40)
BRAIN_RADIUS = 34


def ball(centre: tuple[int, int, int], radius: float) -> np.ndarray:
    away = np.indices((81, 81, 81)) - np.reshape(centre, (3, 1, 1, 1))
    return (away**2).sum(axis=0) <= radius**2


BRAIN = ball(CENTRE, BRAIN_RADIUS)


def labels_of(core: np.ndarray) -> np.ndarray:
    return np.where(core & BRAIN, np.uint8(Tissue.ENHANCING), np.uint8(0))


def codes(labels: np.ndarray) -> list[str]:
    return [one.code for one in implausible(labels, BRAIN)]


def test_a_tumour_within_the_brain_is_plausible():
    assert codes(labels_of(ball((40, 40, 52), 10))) == []


def test_a_tumour_that_reaches_the_cortex_is_plausible():
    assert codes(labels_of(ball((40, 40, 62), 12))) == []


@pytest.mark.parametrize("radius", [8, 12, 18])
def test_a_mass_that_sits_on_the_surface_is_called_extra_axial(radius):
    assert codes(labels_of(ball((40, 40, 40 + BRAIN_RADIUS), radius))) == ["extra_axial"]


def test_nothing_found_is_a_finding():
    assert codes(np.zeros(BRAIN.shape, np.uint8)) == ["no_tumour"]


def test_oedema_alone_and_specks_are_not_judged():
    assert codes(np.where(ball((40, 40, 74), 10) & BRAIN, np.uint8(Tissue.OEDEMA), np.uint8(0))) == []
    assert share_on_surface(ball((40, 40, 73), 3) & BRAIN, BRAIN) == 0.0


def test_holes_such_as_ventricles_are_no_surface():
    hollow = BRAIN & ~ball(CENTRE, 8)
    assert share_on_surface(ball((40, 40, 52), 10), hollow) == 0.0
