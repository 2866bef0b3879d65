"""Lesions as measurement groups of their own in a report (TID 1410, PS3.16): volumes, diameters, place, identity."""

from __future__ import annotations

from collections.abc import Sequence

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from orthanc.codes import (
    ABNORMAL_STRUCTURE,
    BIDIMENSIONAL_PRODUCT,
    CORE_VOLUME,
    CUBIC_CENTIMETRE,
    ENHANCING_VOLUME,
    LOBES,
    LONG_AXIS,
    MEASURABLE,
    MILLIMETRE,
    NEOPLASM,
    NO,
    OEDEMA_VOLUME,
    SHORT_AXIS,
    SIDES,
    SQUARE_MILLIMETRE,
    UNCERTAINTY,
    VOLUME,
    VOXEL_SUMMATION,
    YES,
)
from orthanc.errors import BadResultError
from orthanc.types import AlgorithmInfo, LesionMeasurement
from orthanc.uids import derive_uid

LESION = "Lesion"
"""The first word of the tracking identifier of every lesion."""


def lesion_groups(
    lesions: Sequence[LesionMeasurement], source: Dataset, algorithm: AlgorithmInfo
) -> list[hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations]:
    """A group for each lesion, whose region is the point in its middle.

    Raises:
        BadResultError: two lesions have one number, or one lies in no place that has a code.
    """
    if len({one.number for one in lesions}) < len(lesions):
        raise BadResultError("Two lesions have one number.")
    return [_group(one, source, algorithm) for one in lesions]


def lesion_uid(source: Dataset, lesion: LesionMeasurement) -> str:
    """What the lesion is tracked by: what followed it over the visits, else a UID of this study alone."""
    return lesion.tracking_uid or str(derive_uid("lesion", str(source.StudyInstanceUID), str(lesion.number)))


def map_group(uncertainty: Dataset, algorithm: AlgorithmInfo) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    """What refers to the uncertainty map (TID 1501), so that no object of the result stands alone."""
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=derive_uid("tracking", str(uncertainty.SOPInstanceUID)), identifier="Uncertainty map"
        ),
        finding_type=UNCERTAINTY,
        algorithm_id=hd.sr.AlgorithmIdentification(name=algorithm.name, version=algorithm.version),
        source_images=[
            hd.sr.SourceImageForMeasurementGroup(uncertainty.SOPClassUID, uncertainty.SOPInstanceUID)
        ],
    )


def lesions_from_groups(groups: Sequence[Dataset]) -> tuple[LesionMeasurement, ...]:
    """The lesions among the measurement groups of a report of ours."""
    named = [(_text(group, "112039").split(" "), group) for group in groups]
    return tuple(_read(int(words[1]), group) for words, group in named if words[0] == LESION)


def _group(
    lesion: LesionMeasurement, source: Dataset, algorithm: AlgorithmInfo
) -> hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    try:
        lobe, side = LOBES[lesion.lobe], SIDES[lesion.side]
    except KeyError as error:
        raise BadResultError(f"There is no code for the place {error} of lesion {lesion.number}.") from error
    return hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=lesion_uid(source, lesion), identifier=f"{LESION} {lesion.number}"
        ),
        referenced_region=hd.sr.ImageRegion3D(
            graphic_type=hd.sr.GraphicTypeValues3D.POINT,
            graphic_data=np.array([lesion.centre_mm]),
            frame_of_reference_uid=source.FrameOfReferenceUID,
        ),
        finding_category=ABNORMAL_STRUCTURE,
        finding_type=NEOPLASM,
        finding_sites=[hd.sr.FindingSite(anatomic_location=lobe, laterality=side)],
        algorithm_id=hd.sr.AlgorithmIdentification(name=algorithm.name, version=algorithm.version),
        measurements=_measurements(lesion),
        qualitative_evaluations=[
            hd.sr.QualitativeEvaluation(MEASURABLE, YES if lesion.is_measurable else NO)
        ],
    )


def _measurements(lesion: LesionMeasurement) -> list[hd.sr.Measurement]:
    whole_ml = lesion.enhancing_ml + lesion.nonenhancing_core_ml + lesion.oedema_ml
    long_mm, short_mm = round(lesion.long_diameter_mm, 1), round(lesion.perpendicular_diameter_mm, 1)
    return [
        hd.sr.Measurement(VOLUME, round(whole_ml, 2), CUBIC_CENTIMETRE, method=VOXEL_SUMMATION),
        *(
            hd.sr.Measurement(code, round(ml, 2), CUBIC_CENTIMETRE, method=VOXEL_SUMMATION)
            for code, ml in (
                (ENHANCING_VOLUME, lesion.enhancing_ml),
                (CORE_VOLUME, lesion.nonenhancing_core_ml),
                (OEDEMA_VOLUME, lesion.oedema_ml),
            )
        ),
        hd.sr.Measurement(LONG_AXIS, long_mm, MILLIMETRE),
        hd.sr.Measurement(SHORT_AXIS, short_mm, MILLIMETRE),
        hd.sr.Measurement(BIDIMENSIONAL_PRODUCT, round(long_mm * short_mm, 1), SQUARE_MILLIMETRE),
    ]


def _read(number: int, group: Dataset) -> LesionMeasurement:
    numbers = {
        item.ConceptNameCodeSequence[0].CodeValue: float(item.MeasuredValueSequence[0].NumericValue)
        for item in group.ContentSequence
        if item.ValueType == "NUM"
    }
    place = _item(group, "363698007")
    x, y, z = (round(float(part), 1) for part in _item(group, "111030").GraphicData)
    return LesionMeasurement(
        number=number,
        enhancing_ml=numbers[ENHANCING_VOLUME.value],
        nonenhancing_core_ml=numbers[CORE_VOLUME.value],
        oedema_ml=numbers[OEDEMA_VOLUME.value],
        long_diameter_mm=numbers[LONG_AXIS.value],
        perpendicular_diameter_mm=numbers[SHORT_AXIS.value],
        is_measurable=_code(_item(group, MEASURABLE.value)) == YES.value,
        centre_mm=(x, y, z),
        side=_word(SIDES, _code(place.ContentSequence[0])),
        lobe=_word(LOBES, _code(place)),
        tracking_uid=str(_item(group, "112040").UID),
    )


def _item(group: Dataset, code: str) -> Dataset:
    return next(item for item in group.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == code)


def _text(group: Dataset, code: str) -> str:
    return str(_item(group, code).TextValue)


def _code(item: Dataset) -> str:
    return str(item.ConceptCodeSequence[0].CodeValue)


def _word(words: dict[str, Code], value: str) -> str:
    return next(word for word, code in words.items() if code.value == value)
