"""The lesions of a result under the identities that they have over all visits of the patient.

A result is joined with the nearest earlier visit that counts; where there is none, with an older result of its own
study, or with a later visit, so that what was numbered keeps its identity. Nothing here stops a publication: where
the heads cannot be laid together for sure, that is said, and the lesions stay without identity.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from django.db.models import Q

from orthanc.client import OrthancClient
from orthanc.types import Role
from orthanc.uids import derive_uid
from review.artefacts import job_folder, read_segmentation
from review.lesion_places import Identity, Places, keep_brain, keep_places, read_places
from review.lesion_transforms import CannotFollowError, known_brain, transform_to
from review.longitudinal import key_of, linked_with
from review.models import Following, Job, Result, Study, TrackedLesion
from segmentation.errors import BadGeometryError, BadInputError
from segmentation.lesion_matching import (
    LesionMatch,
    brought_over,
    lesion_places,
    match_lesions,
)
from segmentation.types import Fate


@dataclass(frozen=True, slots=True)
class TrackedNow:
    """One lesion of a result with its identity."""

    component: int
    identity: Identity
    fate: Fate


@dataclass(frozen=True, slots=True)
class Followed:
    """What is recorded of the lesions of one result."""

    state: Following.State
    words: str = ""
    reference: Result | None = None
    transform: tuple[float, ...] | None = None
    lesions: tuple[TrackedNow, ...] = ()

    @property
    def tracking_uids(self) -> dict[int, str]:
        """The identity of each lesion, by its number within the result; empty where they were not followed."""
        return {one.component: one.identity.tracking_uid for one in self.lesions}


def follow_lesions(job: Job, labels: sitk.Image, t1ce_files: Sequence[Path], pacs: OrthancClient) -> Followed:
    """Join the lesions of a label map with those of the patient's other visits, and keep where they are.

    Raises:
        OrthancUnavailableError: worth another try.
    """
    folder = job_folder(job.pk)
    brain = known_brain(job)
    own = lesion_places(labels)
    try:
        reference = _reference(job)
        if reference is None:
            matches = tuple(LesionMatch(number, None) for number in _numbers(own))
            followed, places = _named(job, own, matches, None)
        else:
            transform = transform_to(job, reference[0], t1ce_files, brain, pacs)
            followed, places = _joined(job, own, reference, transform)
    except (CannotFollowError, BadGeometryError) as error:
        keep_brain(folder, brain)
        return Followed(Following.State.UNSURE, f"Lesions were not followed over visits: {error}")
    keep_places(folder, places, brain)
    return followed


def _reference(job: Job) -> tuple[Result, Places] | None:
    """What to compare with, and where its lesions are; None for the first visit."""
    study = job.study
    if study.study_date is None:
        raise CannotFollowError("the study has no date.")
    for result in _candidates(job):
        places = read_places(job_folder(result.job_id)) or _places_made_anew(result)
        if places is not None:
            return result, places
    return None


def _candidates(job: Job) -> Iterator[Result]:
    """Earlier visits from the newest, then this study's other results, then later visits from the oldest."""
    study = job.study
    of_person = Q()
    for key in linked_with(key_of(study)):
        if key.patient_id:
            of_person |= Q(study__patient_id=key.patient_id, study__patient_id_issuer=key.issuer)
    others = (
        list(
            Result.objects.counted("TC")
            .filter(of_person, study__study_date__isnull=False)
            .exclude(study=study)
            .select_related("study", "job")
        )
        if of_person
        else []
    )
    others.sort(key=lambda one: _moment(one.study))
    yield from reversed([one for one in others if _moment(one.study) < _moment(study)])
    own_t1ce = job.chosen[Role.T1CE]["series_uid"]
    same = Result.objects.filter(study=study, t1ce_series_uid=own_t1ce, flags=None).exclude(job=job)
    yield from same.select_related("study", "job").order_by("-created_at")
    yield from (one for one in others if _moment(one.study) >= _moment(study))


def _moment(study: Study) -> tuple[object, ...]:
    return study.study_date, study.study_time or time.min, study.pk


def _places_made_anew(result: Result) -> Places | None:
    """The lesions of a result that was made before lesions were followed; None where its label map is gone.

    A result that could not be followed is nothing to compare with.
    """
    if Following.objects.filter(result=result).exists():
        return None
    try:
        labels = read_segmentation(job_folder(result.job_id).inferred).labels
    except BadInputError:
        return None
    own = lesion_places(labels)
    matches = tuple(LesionMatch(number, None) for number in _numbers(own))
    followed, places = _named(result.job, own, matches, None)
    keep_places(job_folder(result.job_id), places, None)
    record_following(result, followed)
    return places


def _joined(
    job: Job, own: sitk.Image, reference: tuple[Result, Places], transform: sitk.Euler3DTransform
) -> tuple[Followed, Places]:
    result, before = reference
    brought = brought_over(before.image, own, transform)
    matching = match_lesions(own, brought)
    followed, places = _named(job, own, matching.lesions, before)
    is_earlier = _moment(result.study) < _moment(job.study)
    lesions = tuple(
        one if is_earlier else TrackedNow(one.component, one.identity, Fate.FIRST) for one in followed.lesions
    )
    return (
        Followed(
            Following.State.FOLLOWED if is_earlier else Following.State.FIRST,
            reference=result,
            transform=(*transform.GetParameters(), *transform.GetFixedParameters()),
            lesions=lesions,
        ),
        _with_the_vanished(places, brought, {one: before.identities[one] for one in matching.vanished}),
    )


def _named(
    job: Job, own: sitk.Image, matches: Sequence[LesionMatch], before: Places | None
) -> tuple[Followed, Places]:
    """Give every lesion its identity: that of the lesion it continues, or its own."""
    known = before.identities if before else {}
    former = _former_uids(job, taken={one.tracking_uid for one in known.values()})
    tracked = []
    for match in matches:
        ancestors = [known[one] for one in (match.continues, *match.parents) if one is not None]
        swallowed = [known[one].tracking_uid for one in match.parents]
        parents = tuple(dict.fromkeys([*swallowed, *(uid for one in ancestors for uid in one.parents)]))
        uid = (
            known[match.continues].tracking_uid
            if match.continues is not None
            else former.get(match.number) or _new_uid(job, match.number)
        )
        fate = match.fate if before else Fate.FIRST
        tracked.append(TrackedNow(match.number, Identity(uid, parents), fate))
    places = Places(own, {one.component: one.identity for one in tracked})
    return Followed(Following.State.FIRST, lesions=tuple(tracked)), places


def _former_uids(job: Job, taken: set[str]) -> dict[int, str]:
    """The identities that this job's lesions had before, as long as no other lesion has them."""
    rows = TrackedLesion.objects.filter(result__job=job).exclude(tracking_uid__in=taken)
    return dict(rows.values_list("component", "tracking_uid"))


def _new_uid(job: Job, number: int) -> str:
    t1ce = job.chosen[Role.T1CE]["series_uid"]
    made_of = (job.study.study_uid, t1ce, job.model_name, job.model_version, job.series_key)
    return str(derive_uid("lesion", *made_of, str(number)))


def _with_the_vanished(places: Places, brought: sitk.Image, vanished: Mapping[int, Identity]) -> Places:
    """Keep the last place of lesions that are gone, where nothing else is now."""
    here_zyx = sitk.GetArrayFromImage(places.image)
    brought_zyx = sitk.GetArrayViewFromImage(brought)
    identities = dict(places.identities)
    for number, identity in vanished.items():
        following = max(identities, default=0) + 1
        here_zyx[(brought_zyx == number) & (here_zyx == 0)] = following
        identities[following] = identity
    image = sitk.GetImageFromArray(here_zyx)
    image.CopyInformation(places.image)
    return Places(image, identities)


def _numbers(places: sitk.Image) -> list[int]:
    return [int(one) for one in np.unique(sitk.GetArrayViewFromImage(places)) if one]


def record_following(result: Result, followed: Followed) -> None:
    """Write what was found of the lesions of a result; call it within a transaction."""
    reference = followed.reference
    values = {
        "state": followed.state,
        "words": followed.words,
        "reference": reference,
        "reference_series_uid": reference.t1ce_series_uid if reference else "",
        "transform": list(followed.transform) if followed.transform else None,
        "tries": 0,
    }
    Following.objects.update_or_create(result=result, defaults=values)
    TrackedLesion.objects.filter(result=result).delete()
    TrackedLesion.objects.bulk_create(
        TrackedLesion(
            result=result,
            component=one.component,
            tracking_uid=one.identity.tracking_uid,
            fate=one.fate,
            parents=list(one.identity.parents),
        )
        for one in followed.lesions
    )
