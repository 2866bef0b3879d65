"""An edited mask measured anew: voxels counted exactly, and never surer than what it corrects."""

from __future__ import annotations

import math

import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.edited import LEAST_LOG_WIDTH, remeasure
from segmentation.interval import OFFSET_ML
from segmentation.measure import by_quantity
from segmentation.plausibility import NO_TUMOUR
from segmentation.types import (
    ModelIdentity,
    Phase,
    Segmentation,
    Trust,
    TrustGrade,
    TumourVolumes,
    VolumeEstimate,
)

SIDE = 100
WIDE = VolumeEstimate(10.0, 4.0, 14.0)
SURE = VolumeEstimate(10.0, 9.9, 10.1)


def cube(labels: dict[int, tuple[slice, slice, slice]]) -> sitk.Image:
    """Boxes of labels on cubes of 1 mm."""
    array_zyx = np.zeros((SIDE, SIDE, SIDE), np.uint8)
    for label, box in labels.items():
        array_zyx[box] = label
    return sitk.GetImageFromArray(array_zyx)


def box(side: int, start: int = 30) -> tuple[slice, slice, slice]:
    return (slice(start, start + side),) * 3


def brain() -> sitk.Image:
    z, y, x = np.indices((SIDE, SIDE, SIDE)) - SIDE / 2
    return sitk.GetImageFromArray(((x / 36) ** 2 + (y / 46) ** 2 + (z / 40) ** 2 < 1).astype(np.uint8))


def by_the_model(enhancing: VolumeEstimate = WIDE, **fields: object) -> Segmentation:
    return Segmentation(
        labels=cube({4: box(20)}),
        volumes=TumourVolumes(WIDE, WIDE, enhancing, SURE, SURE),
        model=ModelIdentity("m", "1", is_demo=False, statement=""),
        phase=Phase.PREOP,
        **fields,  # type: ignore[arg-type]
    )


def test_the_volumes_are_the_voxels_of_the_edited_mask() -> None:
    edited = cube({2: box(30, 28), 4: box(20), 1: box(10, 35)})
    now = by_quantity(remeasure(by_the_model(), edited, brain()).volumes)
    assert {name: one.ml for name, one in now.items()} == pytest.approx(
        {"WT": 27.0, "TC": 8.0, "ET": 7.0, "oedema": 19.0, "nonenhancing_core": 1.0}
    )


def test_the_interval_is_as_wide_as_the_models_on_its_wider_side() -> None:
    now = remeasure(by_the_model(WIDE), cube({4: box(10)}), brain()).volumes.enhancing
    width = math.log(10 + OFFSET_ML) - math.log(4 + OFFSET_ML)
    assert math.log(now.high_ml + OFFSET_ML) - math.log(1 + OFFSET_ML) == pytest.approx(width)
    assert now.low_ml < now.ml == pytest.approx(1.0)


def test_a_sure_model_does_not_make_a_reader_sure() -> None:
    now = remeasure(by_the_model(SURE), cube({4: box(20)}), brain()).volumes.enhancing
    assert math.log(now.high_ml + OFFSET_ML) - math.log(8 + OFFSET_ML) == pytest.approx(LEAST_LOG_WIDTH)


def test_what_was_said_of_the_models_outline_falls_away_and_of_the_images_stays() -> None:
    trust = Trust(0.4, 0.2, 0.6, TrustGrade.POOR)
    before = by_the_model(warnings=(NO_TUMOUR, "T2: the patient moved."), trust=trust)
    done = remeasure(before, cube({4: box(20)}), brain())
    assert done.warnings == ("T2: the patient moved.",)
    assert (done.trust, done.uncertainty, done.not_validated) == (None, None, ())
    (lesion,) = done.lesions
    assert lesion.enhancing_ml == pytest.approx(8.0)


def test_a_mask_that_was_emptied_says_that_there_is_no_tumour() -> None:
    done = remeasure(by_the_model(), cube({}), brain())
    assert done.warnings == (NO_TUMOUR,)
    assert [one.code for one in done.not_validated] == ["no_tumour"]
    assert done.volumes.whole_tumour.ml == 0
    assert done.volumes.whole_tumour.low_ml == 0 < done.volumes.whole_tumour.high_ml
