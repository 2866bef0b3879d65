"""The values that the imaging stages hand to each other. Images are SimpleITK, so geometry travels along."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

import SimpleITK as sitk

from segmentation.gates import Gate


class Tissue(IntEnum):
    """Stored, non-overlapping labels (BraTS numbering)."""

    BACKGROUND = 0
    NONENHANCING_CORE = 1
    OEDEMA = 2
    ENHANCING = 4


class Compartment(StrEnum):
    """Nested regions that readers speak of: ET within TC within WT."""

    WHOLE_TUMOUR = "WT"
    TUMOUR_CORE = "TC"
    ENHANCING_TUMOUR = "ET"


TISSUES_OF: dict[Compartment, tuple[Tissue, ...]] = {
    Compartment.WHOLE_TUMOUR: (Tissue.NONENHANCING_CORE, Tissue.OEDEMA, Tissue.ENHANCING),
    Compartment.TUMOUR_CORE: (Tissue.NONENHANCING_CORE, Tissue.ENHANCING),
    Compartment.ENHANCING_TUMOUR: (Tissue.ENHANCING,),
}


class Phase(StrEnum):
    """Before or after surgery: told by the user or a rule, never guessed."""

    PREOP = "preop"
    POSTOP = "postop"
    UNKNOWN = "unknown"


class Normalisation(StrEnum):
    """Where the normalisation takes mean and variance from."""

    VOLUME = "volume"
    """From the running mini-batch, in training and at inference alike: one volume a pass means per-volume
    statistics. The published weights carry no others."""


SEQUENCES = ("flair", "t1", "t1ce", "t2")
"""Channel order of the networks (MODEL facts, CA-CNN); also the stems of the files in a case folder."""


@dataclass(frozen=True, slots=True)
class BrainScan:
    """The four sequences of one visit as acquired: own grids, own small motion, with skull."""

    flair: sitk.Image
    t1: sitk.Image
    t1ce: sitk.Image
    t2: sitk.Image


@dataclass(frozen=True, slots=True)
class PreparedScan:
    """The four sequences on one 1 mm isotropic LPS grid, skull-stripped (0 outside the brain).

    `t1ce_grid` is the native T1CE image that results are brought back to. Where the input was
    already prepared (BraTS-like), it is that T1CE itself.
    """

    flair: sitk.Image
    t1: sitk.Image
    t1ce: sitk.Image
    t2: sitk.Image
    brain_mask: sitk.Image
    t1ce_grid: sitk.Image
    warnings: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    gates: tuple[Gate, ...] = ()


@dataclass(frozen=True, slots=True)
class VolumeEstimate:
    """An amount with its 95 % interval, all in millilitres."""

    ml: float
    low_ml: float
    high_ml: float


@dataclass(frozen=True, slots=True)
class TumourVolumes:
    """Volumes per nested compartment and per stored label."""

    whole_tumour: VolumeEstimate
    tumour_core: VolumeEstimate
    enhancing: VolumeEstimate
    oedema: VolumeEstimate
    nonenhancing_core: VolumeEstimate


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model made a result, in the words that every read-out shows."""

    name: str
    version: str
    is_demo: bool
    statement: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a result lies outside of what the system was validated for: a stable code, and words for the reader."""

    code: str
    words: str


class TrustGrade(StrEnum):
    """What a predicted Dice means to a reader."""

    GOOD = "good"
    CHECK = "check"
    POOR = "poor"


@dataclass(frozen=True, slots=True)
class Trust:
    """How well the outline is expected to fit a reader's: mean Dice of WT, TC and ET with its 95 % interval."""

    predicted_dice: float
    low: float
    high: float
    grade: TrustGrade


class Hemisphere(StrEnum):
    """The patient's side; both where neither holds nine tenths of the lesion."""

    LEFT = "left"
    RIGHT = "right"
    BOTH = "both"


class Lobe(StrEnum):
    """Coarse parts of the brain, by which readers say where a lesion is."""

    FRONTAL = "frontal"
    PARIETAL = "parietal"
    TEMPORAL = "temporal"
    OCCIPITAL = "occipital"
    DEEP = "insula or deep grey matter"
    BRAINSTEM = "brainstem"
    CEREBELLUM = "cerebellum"


@dataclass(frozen=True, slots=True)
class Lesion:
    """One lesion of a label map: a connected piece of tumour core with the oedema nearest to it.

    Diameters are those of its enhancing part on axial slices, as RANO reads them; 0 where nothing enhances.
    """

    number: int
    """From 1, the most enhancing tumour first, then by volume."""
    enhancing_ml: float
    nonenhancing_core_ml: float
    oedema_ml: float
    centre_mm_lps: tuple[float, float, float]
    long_diameter_mm: float
    perpendicular_diameter_mm: float
    n_slices: int
    """Axial slices that show its enhancing part."""
    is_measurable: bool
    """RANO's test of shape: both diameters at least 10 mm, on at least two slices."""
    hemisphere: Hemisphere
    lobe: Lobe


class Fate(StrEnum):
    """What became of a lesion, or where it comes from, as of the visit before."""

    FIRST = "first"
    """No visit before to compare with."""
    SAME = "same"
    NEW = "new"
    SPLIT = "split"
    """A piece of an earlier lesion, whose number another piece keeps."""
    MERGED = "merged"
    """It goes on under its number and holds at least one other earlier lesion."""
    VANISHED = "vanished"


@dataclass(frozen=True, slots=True)
class Segmentation:
    """What one run of the cascade gives: uint8 label map on the native T1CE grid, volumes, provenance."""

    labels: sitk.Image
    volumes: TumourVolumes
    model: ModelIdentity
    phase: Phase
    warnings: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    trust: Trust | None = None
    not_validated: tuple[Finding, ...] = ()
    lesions: tuple[Lesion, ...] = ()
    resampling_error_ml: dict[str, float] = field(default_factory=dict)
    """Per name in QUANTITIES: the amount on T1CE's grid minus that on the 1 mm grid the networks see."""
    uncertainty: sitk.Image | None = None
    """float32 on T1CE's grid, 0 (sure) to 1 (either way): how undecided each voxel is."""
