"""The film strip of a real Orthanc's images: heads laid otherwise show the same at the same level."""

from __future__ import annotations

from datetime import date
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from orthanc.client import OrthancClient
from review import lesion_transforms, tasks
from review.artefacts import folders_with_images, job_folder
from review.film import Film, NoFilmError, film_of, grey_picture, mask_picture
from review.film_sheets import COLUMNS, ROWS
from review.longitudinal import key_of, timeline_of
from review.models import Flag, Following, Result, Study
from review.services_of_review import flag_as_poor
from segmentation.lesion_matching import Alignment
from segmentation.visit_film import SIZE_XYZ
from tests.review import factories
from tests.review.head_visits import Ball, publish_visit
from tests.segmentation import simple_head

pytestmark = [pytest.mark.django_db, pytest.mark.stack]

TURNED = simple_head.pose((0.12, -0.08, 0.1), (9.0, -7.0, 14.0))
BALL = Ball((30, 10, 22), 15)


@pytest.fixture
def visits(
    orthanc: OrthancClient, tmp_path: Path, artefacts: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> list[Result]:
    """One tumour at two visits; at the second the head was laid otherwise, as the stored motion says."""
    for actor in (tasks.follow, tasks.note):
        monkeypatch.setattr(actor, "send", lambda _: None)
    back = sitk.Euler3DTransform(TURNED.GetInverse())
    monkeypatch.setattr(lesion_transforms, "align", lambda *_: Alignment(back, True, 16.0, 0.0))
    return [
        publish_visit(orthanc, tmp_path, date(2026, 1, 5), [BALL]),
        publish_visit(orthanc, tmp_path, date(2026, 3, 9), [BALL], TURNED),
    ]


def film(result: Result) -> Film:
    made = film_of(timeline_of(key_of(result.study)))
    assert made is not None
    return made


def levels(picture: bytes) -> np.ndarray:
    """A sheet taken apart: (levels, rows, columns)."""
    flat = np.asarray(Image.open(BytesIO(picture)).convert("L"), float)
    width, height, n = SIZE_XYZ
    return flat.reshape(ROWS, height, COLUMNS, width).swapaxes(1, 2).reshape(-1, height, width)[:n]


def tumour(result: Result, frame: Result) -> np.ndarray:
    """Where the mask's picture lets nothing or little of the image through."""
    picture = Image.open(BytesIO(mask_picture(key_of(result.study), result, frame))).convert("RGBA")
    alpha = BytesIO()
    picture.getchannel("A").save(alpha, "PNG")
    return levels(alpha.getvalue()) > 0


def test_the_same_level_shows_the_same_tumour_though_the_head_was_laid_otherwise(
    visits: list[Result],
) -> None:
    made = film(visits[0])
    assert made.frame == visits[0]
    assert [cell.is_aligned for cell in made.cells] == [True, True]
    first, second = (tumour(one, made.frame) for one in visits)
    # Voxels of 6 mm, cut anew: the outlines differ by some of them.
    assert 2 * (first & second).sum() / (first.sum() + second.sum()) > 0.8
    assert abs(int(first.sum(axis=(1, 2)).argmax()) - made.level) <= 2
    assert first[made.level].any()
    assert second[made.level].any()


def test_pictures_of_the_head_are_kept_beside_the_mask_and_count_as_images_only_after_a_day(
    visits: list[Result], orthanc: OrthancClient
) -> None:
    made, patient = film(visits[1]), key_of(visits[1].study)
    pictures = [grey_picture(patient, one, made.frame) for one in visits]
    shown = [levels(one)[made.level] for one in pictures]
    assert all(one.std() > 20 for one in shown)
    assert np.corrcoef(shown[0].ravel(), shown[1].ravel())[0, 1] > 0.8
    assert folders_with_images() == []
    orthanc.delete_study(visits[1].study.orthanc_id)
    assert grey_picture(patient, visits[1], made.frame) == pictures[1]  # of the folder: Orthanc was not asked
    Study.objects.filter(pk=visits[1].study_id).update(deleted_at=visits[1].created_at)
    gone = Result.objects.get(pk=visits[1].pk)
    with pytest.raises(NoFilmError, match="removed from the archive"):
        grey_picture(patient, gone, made.frame)


def test_a_head_that_could_not_be_laid_onto_the_others_is_shown_as_scanned_and_says_so(
    visits: list[Result],
) -> None:
    Following.objects.filter(result=visits[1]).update(transform=None, reference_series_uid="")
    made = film(visits[0])
    assert [cell.is_aligned for cell in made.cells] == [True, False]
    assert levels(grey_picture(key_of(visits[1].study), visits[1], made.frame)).std() > 20


def test_what_does_not_count_or_was_not_kept_is_shown_for_what_it_is(visits: list[Result]) -> None:
    flag_as_poor(visits[1], reason=Flag.Reason.MOTION, by="ray")
    made = film(visits[0])
    assert [cell.visit.counts for cell in made.cells] == [True, False]
    inferred = job_folder(visits[1].job_id).inferred
    (inferred / "facts.json").unlink()
    patient = key_of(visits[1].study)
    with pytest.raises(NoFilmError, match="no longer kept"):
        mask_picture(patient, visits[1], made.frame)
    assert grey_picture(patient, visits[1], made.frame)
    stranger = factories.make_study("1.2.9", patient_id="OTHER")
    with pytest.raises(NoFilmError, match="not of this patient"):
        grey_picture(key_of(stranger), visits[1], made.frame)
