"""The packaged demo model: what it says of itself, and that it finds a phantom's tumour it never saw."""

import numpy as np
import pytest
import SimpleITK as sitk

from segmentation.metrics import dice
from segmentation.model_description import PACKAGED_ROOT, describe_model, find_model
from segmentation.phantom import make_prepared_case
from segmentation.registry import load_model
from segmentation.segment import segment
from segmentation.types import TISSUES_OF, Compartment, Phase

FOLDER = PACKAGED_ROOT / "phantom-demo"
LEAST_DICE = {Compartment.WHOLE_TUMOUR: 0.8, Compartment.TUMOUR_CORE: 0.7, Compartment.ENHANCING_TUMOUR: 0.7}


def test_the_demo_model_says_that_it_means_nothing_on_patients() -> None:
    identity = describe_model(FOLDER).identity
    assert identity.is_demo
    assert "its output on patients means nothing" in identity.statement
    card = (FOLDER / "CARD.md").read_text()
    assert identity.statement in card
    assert "python -m segmentation train --cases phantom:" in card


def test_a_machine_without_other_models_gets_our_own_and_not_the_demo_model() -> None:
    assert find_model(None, [PACKAGED_ROOT]) == PACKAGED_ROOT / "arca"


@pytest.mark.parametrize(("seed", "visit", "phase"), [(900_001, 1, Phase.PREOP), (900_003, 3, Phase.POSTOP)])
def test_the_demo_model_finds_the_tumour_of_a_phantom_it_never_saw(
    seed: int, visit: int, phase: Phase
) -> None:
    prepared, truth = make_prepared_case(seed, visit=visit)
    found = segment(prepared, load_model(FOLDER, device="cpu"), phase)
    labels_zyx, truth_zyx = sitk.GetArrayFromImage(found.labels), sitk.GetArrayFromImage(truth)
    for compartment, tissues in TISSUES_OF.items():
        overlap = dice(np.isin(labels_zyx, tissues), np.isin(truth_zyx, tissues))
        assert overlap >= LEAST_DICE[compartment], compartment
