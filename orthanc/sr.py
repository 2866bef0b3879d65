"""Volumes with their intervals to a Comprehensive 3D SR after TID 1500 (PS3.16), and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import highdicom as hd
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from orthanc.codes import (
    ABNORMAL_STRUCTURE,
    BRAIN,
    COMMENT,
    CUBIC_CENTIMETRE,
    FINDINGS,
    IMAGE_LIBRARY,
    IMAGE_LIBRARY_GROUP,
    LOWER_LIMIT,
    MR_BRAIN,
    ONCOLOGY_REPORT,
    QUALITATIVE_EVALUATIONS,
    SOURCE,
    SUMMARY,
    UPPER_LIMIT,
    VOLUME,
    VOXEL_SUMMATION,
)
from orthanc.errors import BadResultError
from orthanc.seg import tracking_identifier, tracking_uid
from orthanc.sources import SourceSeries, name_private_codes, names_as_they_are, result_uid, sign
from orthanc.sr_lesions import lesion_groups, lesions_from_groups, map_group
from orthanc.types import AlgorithmInfo, CompartmentVolume, LesionMeasurement, MeasuredRegion
from orthanc.uids import MANUFACTURER, MANUFACTURER_MODEL, derive_uid

SR_SERIES_NUMBER = 9002
RESEARCH_STATEMENT = (
    "For research use only. Not a medical device and not validated for clinical decisions; "
    "every volume must be checked against the images by a radiologist."
)
MEASUREMENT_GROUP = "125007"
TRACKING_IDENTIFIER = "112039"


def write_sr(
    volumes: Sequence[CompartmentVolume],
    seg: Dataset,
    source: SourceSeries,
    algorithm: AlgorithmInfo,
    *,
    lesions: Sequence[LesionMeasurement] = (),
    uncertainty: Dataset | None = None,
    summary: str = "",
    statements: Sequence[str] = (),
    description: str = "Glioma volumes (AI, research use)",
    result_key: str = "",
    made_at: datetime | None = None,
    series_number: int = SR_SERIES_NUMBER,
) -> Dataset:
    """The volumes as a measurement report in the source's study, one group per region and one per lesion.

    Each volume (cm3, which is mL) has its interval twice: as offsets (TID 310) for readers that know
    them, and as two explicit numbers for the rest.

    Args:
        seg: what `write_seg` made of the same source; each group refers to its segments.
        lesions: each becomes a group with volumes, diameters, place and identity.
        uncertainty: the map of the same source, to which the report then refers.
        summary: the text for the radiologist's report as it is when this is made.
        statements: further sentences for the reader, such as the warnings of the run.
        result_key, made_at: as for `write_seg`.

    Raises:
        BadResultError: no volumes, a region or lesion twice, a volume outside of its interval, or a lesion in a
            place without code.
    """
    _check(volumes)
    report = hd.sr.MeasurementReport(
        observation_context=_observer(algorithm),
        procedure_reported=MR_BRAIN,
        imaging_measurements=[
            *(_group(one, seg, source, algorithm) for one in volumes),
            *lesion_groups(lesions, source.datasets[0], algorithm),
            *([map_group(uncertainty, algorithm)] if uncertainty is not None else []),
        ],
        title=ONCOLOGY_REPORT,
    )
    report[0].ContentSequence.insert(-1, _image_library(source))
    sentences = [RESEARCH_STATEMENT, algorithm.statement, *statements]
    report[0].ContentSequence.append(_statements(sentences, summary))
    with names_as_they_are():
        document = hd.sr.Comprehensive3DSR(
            evidence=[*source.datasets, seg, *([uncertainty] if uncertainty is not None else [])],
            content=report,
            series_instance_uid=result_uid(source, algorithm, result_key, "SR series"),
            series_number=series_number,
            sop_instance_uid=result_uid(source, algorithm, result_key, "SR"),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=MANUFACTURER_MODEL,
            software_versions=f"{algorithm.name} {algorithm.version}",
            device_serial_number="1",
            series_description=description[:64],
            is_complete=True,
            is_final=False,
            is_verified=False,
        )
    name_private_codes(document)
    sign(document, source.datasets[0], made_at)
    return document


def volumes_from_sr(document: Dataset) -> dict[MeasuredRegion, CompartmentVolume]:
    """The volumes that a report of ours states, in millilitres.

    Raises:
        BadResultError: the document has no volumes of ours.
    """
    volumes = {}
    for group in _items(document, MEASUREMENT_GROUP):
        names = [item.TextValue for item in _items(group, TRACKING_IDENTIFIER)]
        word = str(names[0]).split(" ", 1)[0] if names else ""
        if word not in set(MeasuredRegion):
            continue
        region = MeasuredRegion(word)
        volumes[region] = CompartmentVolume(
            region, *(_number(group, code) for code in (VOLUME, LOWER_LIMIT, UPPER_LIMIT))
        )
    if not volumes:
        raise BadResultError("The report holds no volumes of this software.")
    return volumes


def statements_from_sr(document: Dataset) -> tuple[str, ...]:
    """The sentences for the reader that a report of ours carries."""
    return tuple(str(item.TextValue) for item in _items(document, COMMENT.value))


def lesions_from_sr(document: Dataset) -> tuple[LesionMeasurement, ...]:
    """The lesions that a report of ours states, each with the UID that it is tracked by."""
    return lesions_from_groups(list(_items(document, MEASUREMENT_GROUP)))


def summary_from_sr(document: Dataset) -> str:
    """The report text that a report of ours carries; empty where there is none."""
    return next((str(item.TextValue) for item in _items(document, SUMMARY.value)), "")


def _check(volumes: Sequence[CompartmentVolume]) -> None:
    regions = [one.compartment for one in volumes]
    if not regions or len(set(regions)) < len(regions):
        raise BadResultError("A report needs volumes, each region once.")
    for one in volumes:
        if not 0 <= one.low_ml <= one.ml <= one.high_ml:
            raise BadResultError(
                f"{one.compartment}: {one.ml} mL is not within its interval of {one.low_ml} to {one.high_ml} mL."
            )


def _observer(algorithm: AlgorithmInfo) -> hd.sr.ObservationContext:
    return hd.sr.ObservationContext(
        observer_device_context=hd.sr.ObserverContext(
            observer_type=Code("121007", "DCM", "Device"),
            observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
                uid=derive_uid("device", algorithm.name, algorithm.version),
                name=algorithm.name,
                manufacturer_name=MANUFACTURER,
                model_name=MANUFACTURER_MODEL,
                serial_number="1",
            ),
        )
    )


def _group(
    volume: CompartmentVolume, seg: Dataset, source: SourceSeries, algorithm: AlgorithmInfo
) -> hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    first = source.datasets[0]
    finding = FINDINGS[volume.compartment]
    segment = hd.sr.ReferencedSegment(
        sop_class_uid=seg.SOPClassUID,
        sop_instance_uid=seg.SOPInstanceUID,
        segment_number=finding.segment_numbers[0],
        source_series=hd.sr.SourceSeriesForSegmentation(first.SeriesInstanceUID),
    )
    # A nested compartment is the union of several segments; the element takes a list (VM 1-n).
    segment[0].ReferencedSOPSequence[0].ReferencedSegmentNumber = list(finding.segment_numbers)
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=tracking_uid(first, volume.compartment), identifier=tracking_identifier(volume.compartment)
        ),
        referenced_segment=segment,
        finding_type=finding.type,
        finding_category=ABNORMAL_STRUCTURE,
        finding_sites=[hd.sr.FindingSite(anatomic_location=BRAIN)],
        algorithm_id=hd.sr.AlgorithmIdentification(
            name=algorithm.name, version=algorithm.version, parameters=list(algorithm.parameters) or None
        ),
        measurements=_measurements(volume),
    )


def _measurements(volume: CompartmentVolume) -> list[hd.sr.Measurement]:
    ml, low_ml, high_ml = (round(value, 4) for value in (volume.ml, volume.low_ml, volume.high_ml))
    offsets = hd.sr.MeasurementProperties(
        upper_measurement_uncertainty=round(high_ml - ml, 4),
        lower_measurement_uncertainty=round(ml - low_ml, 4),
    )
    for item in offsets:
        # highdicom writes offsets without unit; they have the unit of the volume.
        item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence = [
            hd.sr.CodedConcept.from_code(CUBIC_CENTIMETRE)
        ]
    return [
        hd.sr.Measurement(VOLUME, ml, CUBIC_CENTIMETRE, method=VOXEL_SUMMATION, properties=offsets),
        hd.sr.Measurement(LOWER_LIMIT, low_ml, CUBIC_CENTIMETRE),
        hd.sr.Measurement(UPPER_LIMIT, high_ml, CUBIC_CENTIMETRE),
    ]


def _image_library(source: SourceSeries) -> hd.sr.ContainerContentItem:
    """TID 1600, the images alone: highdicom's own describes each anew, which takes seconds for a thin
    series, and cannot describe enhanced images at all."""
    group = hd.sr.ContainerContentItem(IMAGE_LIBRARY_GROUP, relationship_type=Relationship.CONTAINS)
    group.ContentSequence = hd.sr.ContentSequence(
        [
            hd.sr.ImageContentItem(
                SOURCE, one.SOPClassUID, one.SOPInstanceUID, relationship_type=Relationship.CONTAINS
            )
            for one in source.datasets
        ]
    )
    library = hd.sr.ContainerContentItem(IMAGE_LIBRARY, relationship_type=Relationship.CONTAINS)
    library.ContentSequence = hd.sr.ContentSequence([group])
    return library


def _statements(sentences: Sequence[str], summary: str) -> hd.sr.ContainerContentItem:
    """TID 1500, row "Qualitative Evaluations": what holds for the whole report, in words."""
    said = [(COMMENT, text) for text in sentences] + [(SUMMARY, summary)]
    container = hd.sr.ContainerContentItem(QUALITATIVE_EVALUATIONS, relationship_type=Relationship.CONTAINS)
    container.ContentSequence = hd.sr.ContentSequence(
        [hd.sr.TextContentItem(code, text, Relationship.CONTAINS) for code, text in said if text]
    )
    return container


def _items(dataset: Dataset, code: str) -> Iterator[Dataset]:
    """All content items below, at any depth, whose concept name has this code value."""
    for item in dataset.get("ContentSequence", ()):
        names = item.get("ConceptNameCodeSequence")
        if names and names[0].get("CodeValue") == code:
            yield item
        yield from _items(item, code)


def _number(group: Dataset, code: Code) -> float:
    for item in _items(group, code.value):
        return float(item.MeasuredValueSequence[0].NumericValue)
    raise BadResultError(f"A measurement group of the report has no {code.meaning}.")
