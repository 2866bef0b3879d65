from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from orthanc.content import ContentQuestion, enhancement_score, fluid_score, look_at, open_questions
from orthanc.series import choose_series
from orthanc.types import Role, SeriesHeader

T1_PAIR = ContentQuestion("a", "b", (Role.T1, Role.T1CE))
T2_PAIR = ContentQuestion("a", "b", (Role.T2, Role.FLAIR))
BRAIN, FLUID, VESSEL = 1, 2, 3
LEVELS = {
    Role.T1: {BRAIN: 100, FLUID: 40, VESSEL: 70},
    Role.T1CE: {BRAIN: 100, FLUID: 40, VESSEL: 260},
    Role.T2: {BRAIN: 100, FLUID: 300, VESSEL: 60},
    Role.FLAIR: {BRAIN: 100, FLUID: 25, VESSEL: 60},
}


def head() -> np.ndarray:
    """A ball of brain (2 mm voxels) with a ball of fluid in it, and rods of vessel."""
    z, y, x = np.indices((80, 80, 80)) - 39.5
    parts = np.where(z**2 + y**2 + x**2 < 36**2, BRAIN, 0)
    parts[z**2 + y**2 + x**2 < 13**2] = FLUID
    parts[(abs(y - 16) < 2) & (abs(x) < 2) & (abs(z) < 14)] = VESSEL
    parts[(abs(y + 16) < 2) & (abs(x) < 2) & (abs(z) < 14)] = VESSEL
    return parts


def image_of(role: Role, seed: int = 1, scale: float = 1.0) -> sitk.Image:
    parts = head()
    grey = np.zeros(parts.shape)
    for part, level in LEVELS[role].items():
        grey[parts == part] = level * scale
    grey += np.random.default_rng(seed).normal(0, 4 * scale, parts.shape) * (parts > 0)
    image = sitk.GetImageFromArray(grey.astype(np.float32))
    image.SetSpacing((2.0, 2.0, 2.0))
    return image


@pytest.mark.parametrize("roles", [(Role.T1, Role.T1CE), (Role.T2, Role.FLAIR)])
@pytest.mark.parametrize("scale", [0.5, 8.0])
def test_a_pair_is_told_apart_in_either_order_and_on_any_scale(roles, scale):
    question = ContentQuestion("a", "b", roles)
    first, second = image_of(roles[0]), image_of(roles[1], 2, scale)
    straight = {uid: guess.role for uid, guess in look_at(question, first, second).items()}
    turned = {uid: guess.role for uid, guess in look_at(question, second, first).items()}
    assert straight == {"a": roles[0], "b": roles[1]}
    assert turned == {"a": roles[1], "b": roles[0]}


@pytest.mark.parametrize("question", [T1_PAIR, T2_PAIR])
@pytest.mark.parametrize("role", [Role.T1, Role.T1CE, Role.T2])
def test_two_repeats_of_one_series_are_not_told_apart(question, role):
    assert look_at(question, image_of(role, 1), image_of(role, 2)) == {}


def test_other_grids_of_the_same_head_are_compared_in_its_space():
    after = image_of(Role.T1CE, 2)
    thick = sitk.Resample(after, (40, 40, 26), sitk.Transform(), sitk.sitkLinear, (0, 0, 0), (4.0, 4.0, 6.0))
    seen = look_at(T1_PAIR, image_of(Role.T1), thick)
    assert seen["b"].role is Role.T1CE
    assert "brighter" in seen["b"].reason


def test_an_empty_image_tells_nothing():
    empty = image_of(Role.T1) * 0
    assert look_at(T1_PAIR, empty, image_of(Role.T1CE)) == {}
    assert look_at(T2_PAIR, empty, empty) == {}


def twin(number: int) -> SeriesHeader:
    return SeriesHeader(
        f"1.2.{number}", "1.2", modality="MR", series_number=number, description="AX T1",
        repetition_time_ms=550, echo_time_ms=11, scanning_sequence="SE", acquisition_type="2D", n_images=30,
        spacing_between_slices_mm=5.0, series_date_time=f"2024011509{number:02d}00",
    )  # fmt: skip


def test_the_pixels_are_asked_of_two_alike_t1_and_their_answer_is_taken():
    headers = [twin(3), twin(8)]
    (question,) = open_questions(choose_series(headers))
    assert (question.first_uid, question.second_uid) == ("1.2.3", "1.2.8")
    # The times lie here: the series that came first has the contrast.
    seen = look_at(question, image_of(Role.T1CE), image_of(Role.T1))
    choice = choose_series(headers, seen=seen)
    assert choice.picked[Role.T1].series_number == 8
    assert choice.picked[Role.T1CE].series_number == 3
    assert "seen in the images" in choice.reasons[Role.T1CE]
    assert open_questions(choice) == ()


def test_what_a_person_decided_is_not_asked_of_the_pixels():
    headers = [twin(3), twin(8)]
    assert open_questions(choose_series(headers, told={"1.2.3": Role.T1CE, "1.2.8": Role.T1})) == ()


@pytest.mark.shared
@pytest.mark.parametrize("case", ["native/TCGA-FG-6692", "glioma/BraTS2021_01482"])
def test_real_pairs_are_told_apart(shared_dir, case):
    folder = shared_dir / "data" / case
    images = {name: sitk.ReadImage(str(folder / f"{name}.nii.gz")) for name in ("t1", "t1ce", "t2", "flair")}
    assert look_at(T1_PAIR, images["t1ce"], images["t1"])["a"].role is Role.T1CE
    assert look_at(T2_PAIR, images["flair"], images["t2"])["a"].role is Role.FLAIR


def test_scores_change_their_sign_with_the_order():
    first, second = (sitk.GetArrayFromImage(image_of(role)).astype(float) for role in (Role.T1, Role.T1CE))
    assert enhancement_score(first, second) == -enhancement_score(second, first) > 0
    first, second = (sitk.GetArrayFromImage(image_of(role)).astype(float) for role in (Role.T2, Role.FLAIR))
    assert fluid_score(first, second) == -fluid_score(second, first) > 0
