"""How undecided each voxel is, as a DICOM Parametric Map (PS3.3 A.75): 32-bit floats on the grid of T1CE.

No public scheme has a code for the entropy of a network's probability: the quantity is in our private one.
"""

from __future__ import annotations

from datetime import datetime

import highdicom as hd
import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from orthanc.codes import BRAIN, NO_UNITS, UNCERTAINTY
from orthanc.errors import BadResultError
from orthanc.slices import has_grid, normal_of
from orthanc.sources import (
    SourceSeries,
    fix_dimensions,
    name_private_codes,
    names_as_they_are,
    result_uid,
    sign,
)
from orthanc.types import AlgorithmInfo
from orthanc.uids import MANUFACTURER, MANUFACTURER_MODEL

MAP_SERIES_NUMBER = 9005


def write_uncertainty_map(
    uncertainty: sitk.Image,
    source: SourceSeries,
    algorithm: AlgorithmInfo,
    *,
    description: str = "Glioma uncertainty map (AI, research use)",
    result_key: str = "",
    made_at: datetime | None = None,
) -> Dataset:
    """The map as a Parametric Map in the source's study, one frame for each slice of the source.

    Args:
        uncertainty: 0 (sure) to 1 (either way) on the grid of the source's image.
        source: the T1CE series.
        result_key, made_at: as for `write_seg`; the same arguments give the same bytes.

    Raises:
        BadResultError: the map is on another grid, or holds other values.
    """
    values = _frames(uncertainty, source)
    with names_as_they_are():
        made = hd.pm.ParametricMap(
            source_images=list(source.datasets),
            pixel_array=values,
            series_instance_uid=result_uid(source, algorithm, result_key, "uncertainty series"),
            series_number=MAP_SERIES_NUMBER,
            sop_instance_uid=result_uid(source, algorithm, result_key, "uncertainty"),
            instance_number=1,
            manufacturer=MANUFACTURER,
            manufacturer_model_name=MANUFACTURER_MODEL,
            software_versions=f"{algorithm.name} {algorithm.version}",
            device_serial_number="1",
            contains_recognizable_visual_features=False,
            real_world_value_mappings=[_meaning()],
            voi_lut_transformations=[hd.VOILUTTransformation(window_center=0.5, window_width=1.0)],
            transfer_syntax_uid=ExplicitVRLittleEndian,
            content_label="UNCERTAINTY",
            content_description=description[:64],
            series_description=description[:64],
        )
    _sort_frames(made, source)
    made.SharedFunctionalGroupsSequence[0].FrameAnatomySequence = _anatomy()
    fix_dimensions(made, str(result_uid(source, algorithm, result_key, "uncertainty dimensions")))
    name_private_codes(made)
    sign(made, source.datasets[0], made_at)
    return made


def positions_mm(made: Dataset) -> list[tuple[float, ...]]:
    """Where the first pixel of each frame lies in the patient (LPS)."""
    places = (frame.PlanePositionSequence[0] for frame in made.PerFrameFunctionalGroupsSequence)
    return [tuple(float(x) for x in place.ImagePositionPatient) for place in places]


def _frames(uncertainty: sitk.Image, source: SourceSeries) -> np.ndarray:
    """The map (frames, rows, columns), in the order of the source's frames."""
    if not has_grid(uncertainty, source.slices):
        raise BadResultError("The uncertainty map is not on the grid of its source series.")
    values_zyx = sitk.GetArrayFromImage(uncertainty).astype(np.float32)
    if not (values_zyx.min() >= 0 and values_zyx.max() <= 1):
        raise BadResultError("The uncertainty map holds values that are not between 0 and 1.")
    return source.as_stored(values_zyx)


def _sort_frames(made: Dataset, source: SourceSeries) -> None:
    """Lay the frames in the order of the source's slices, along the normal.

    Readers such as dcmqi count the frames upwards and never look where each lies: in highdicom's own order they
    would show the map upside down.
    """
    normal = normal_of(source.slices[0].orientation)
    heights_mm = [float(normal @ np.array(place)) for place in positions_mm(made)]
    order = np.argsort(heights_mm)
    values = np.frombuffer(made.FloatPixelData, "<f4").reshape(len(order), -1)
    made.FloatPixelData = values[order].tobytes()
    frames = list(made.PerFrameFunctionalGroupsSequence)
    made.PerFrameFunctionalGroupsSequence = [frames[index] for index in order]
    for number, frame in enumerate(made.PerFrameFunctionalGroupsSequence, start=1):
        frame.FrameContentSequence[0].DimensionIndexValues = number


def _meaning() -> hd.pm.RealWorldValueMapping:
    """The stored values are the uncertainty itself."""
    return hd.pm.RealWorldValueMapping(
        lut_label="UNCERTAINTY",
        lut_explanation="0 sure, 1 either way (entropy, bits)",
        unit=NO_UNITS,
        value_range=(0.0, 1.0),
        slope=1.0,
        intercept=0.0,
        quantity_definition=UNCERTAINTY,
    )


def _anatomy() -> list[Dataset]:
    item = Dataset()
    item.FrameLaterality = "U"
    item.AnatomicRegionSequence = [hd.sr.CodedConcept.from_code(BRAIN)]
    return [item]
