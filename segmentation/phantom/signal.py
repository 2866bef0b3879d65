"""From tissue to grey level: relaxation at 3 T and the signal equations of the four sequences.

Timings are those of Lotan et al., AJNR 2022;43:24-32, "MR Imaging Protocol". The paper gives no inversion times; ours
are the usual 900 ms (MPRAGE) and the one that nulls CSF (FLAIR). A 3D SPACE train with variable flip angles keeps part
of the magnetisation along z, so its contrast is that of a spin echo of about a third of the nominal echo time (Mugler,
J Magn Reson Imaging 2014;39:745-767); the equations below take that contrast-equivalent time.
Relaxation times are rounded from the usual 3 T collections (Stanisz, Magn Reson Med 2005;54:507-512; Wansapura, J Magn
Reson Imaging 1999;9:531-538) and from published glioma relaxometry.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto

import numpy as np

from segmentation.phantom.geometry import Array
from segmentation.types import SEQUENCES


class Material(IntEnum):
    """What a point of the phantom is made of."""

    AIR = 0
    MUSCLE = auto()
    FAT = auto()
    SKIN = auto()
    BONE = auto()
    MARROW = auto()
    MUCOSA = auto()
    VITREOUS = auto()
    LENS = auto()
    CSF = auto()
    FLOWING_CSF = auto()
    WHITE = auto()
    GREY = auto()
    CEREBELLAR_GREY = auto()
    THALAMUS = auto()
    CAUDATE = auto()
    PUTAMEN = auto()
    PALLIDUM = auto()
    IRON_NUCLEUS = auto()
    BRAINSTEM = auto()
    DURA = auto()
    CHOROID = auto()
    PITUITARY = auto()
    VEIN = auto()
    ARTERY = auto()
    OEDEMA = auto()
    INFILTRATION = auto()
    ENHANCING = auto()
    NONENHANCING = auto()
    NECROSIS = auto()
    CAVITY_FLUID = auto()
    BLOOD_PRODUCTS = auto()


@dataclass(frozen=True, slots=True)
class Relaxation:
    """T1 and T2 in ms, proton density relative to water, T1 after contrast, and whether flow empties the echo."""

    t1_ms: float
    t2_ms: float
    proton_density: float
    contrast_t1_ms: float | None = None
    flow_void: bool = False


RELAXATION: dict[Material, Relaxation] = {
    Material.AIR: Relaxation(1000, 1, 0.0),
    Material.MUSCLE: Relaxation(1400, 36, 0.82, 1150),
    Material.FAT: Relaxation(380, 110, 0.86),
    Material.SKIN: Relaxation(900, 45, 0.70, 600),
    Material.BONE: Relaxation(300, 3, 0.10),
    Material.MARROW: Relaxation(520, 70, 0.52, 480),
    Material.MUCOSA: Relaxation(1500, 110, 0.88, 480),
    Material.VITREOUS: Relaxation(4000, 900, 1.0),
    Material.LENS: Relaxation(1100, 30, 0.6),
    Material.CSF: Relaxation(4300, 1500, 1.0),
    Material.FLOWING_CSF: Relaxation(4300, 700, 0.95),
    Material.WHITE: Relaxation(840, 72, 0.71, 810),
    Material.GREY: Relaxation(1420, 97, 0.82, 1300),
    Material.CEREBELLAR_GREY: Relaxation(1350, 95, 0.81, 1220),
    Material.THALAMUS: Relaxation(1120, 78, 0.78, 1050),
    Material.CAUDATE: Relaxation(1340, 84, 0.81, 1240),
    Material.PUTAMEN: Relaxation(1250, 76, 0.80, 1170),
    Material.PALLIDUM: Relaxation(980, 56, 0.76, 940),
    Material.IRON_NUCLEUS: Relaxation(1050, 50, 0.76, 1000),
    Material.BRAINSTEM: Relaxation(930, 76, 0.74, 890),
    Material.DURA: Relaxation(1300, 40, 0.55, 520),
    Material.CHOROID: Relaxation(1700, 160, 0.9, 420),
    Material.PITUITARY: Relaxation(1100, 90, 0.85, 400),
    Material.VEIN: Relaxation(1650, 90, 0.9, 300, flow_void=True),
    Material.ARTERY: Relaxation(1700, 120, 0.9, 330, flow_void=True),
    Material.OEDEMA: Relaxation(1400, 126, 0.86, 1380),
    Material.INFILTRATION: Relaxation(1220, 108, 0.82, 1180),
    Material.ENHANCING: Relaxation(1380, 136, 0.87, 520),
    Material.NONENHANCING: Relaxation(1700, 175, 0.90, 1550),
    Material.NECROSIS: Relaxation(2150, 235, 0.93, 1980),
    Material.CAVITY_FLUID: Relaxation(3500, 900, 0.99, 3300),
    Material.BLOOD_PRODUCTS: Relaxation(620, 60, 0.80, 560),
}


def spin_echo(tissue: Relaxation, repetition_ms: float, echo_ms: float) -> float:
    """Steady-state signal of a 90-180 degree spin echo."""
    return float(
        tissue.proton_density * (1 - np.exp(-repetition_ms / tissue.t1_ms)) * np.exp(-echo_ms / tissue.t2_ms)
    )


def inversion_recovery(
    tissue: Relaxation, repetition_ms: float, inversion_ms: float, echo_ms: float
) -> float:
    """Magnitude signal of an inversion-recovery spin echo."""
    recovered = 1 - 2 * np.exp(-inversion_ms / tissue.t1_ms) + np.exp(-repetition_ms / tissue.t1_ms)
    return float(tissue.proton_density * abs(recovered) * np.exp(-echo_ms / tissue.t2_ms))


def nulling_time_ms(t1_ms: float, repetition_ms: float) -> float:
    """Inversion time at which a tissue gives no signal."""
    return float(t1_ms * np.log(2 / (1 + np.exp(-repetition_ms / t1_ms))))


def mprage(
    tissue: Relaxation,
    t1_ms: float,
    repetition_ms: float,
    inversion_ms: float,
    flip_deg: float,
    echo_ms: float,
) -> float:
    """Magnitude signal at the centre of k-space of an inversion-prepared train of low-flip echoes.

    Closed form of the steady state over one repetition: recovery, half the train, centre, half the train, recovery,
    inversion (Deichmann, NeuroImage 2000;12:112-127). The inversion time is counted to the centre of the train.
    """
    echoes, echo_spacing_ms, t2_star_ms = 160, 7.4, 0.7 * tissue.t2_ms
    flip = np.deg2rad(flip_deg)
    decay = np.exp(-echo_spacing_ms / t1_ms)
    driven = (1 - decay) / (1 - decay * np.cos(flip))
    half = (decay * np.cos(flip)) ** (echoes / 2)
    train_ms = echoes * echo_spacing_ms
    before = np.exp(-(inversion_ms - train_ms / 2) / t1_ms)
    after = np.exp(-(repetition_ms - inversion_ms - train_ms / 2) / t1_ms)

    def centre(start: float) -> float:
        return float(driven + ((1 - (1 - start) * before) - driven) * half)

    def next_start(start: float) -> float:
        end = driven + (centre(start) - driven) * half
        return float(-(1 - (1 - end) * after))

    # next_start is affine, so two evaluations give its fixed point: the steady state just after inversion.
    offset, slope = next_start(0.0), next_start(1.0) - next_start(0.0)
    steady = centre(offset / (1 - slope))
    return float(tissue.proton_density * abs(steady) * np.sin(flip) * np.exp(-echo_ms / t2_star_ms))


FLAIR_REPETITION_MS = 6000.0
FLAIR_INVERSION_MS = nulling_time_ms(RELAXATION[Material.CSF].t1_ms, FLAIR_REPETITION_MS)


def signal(material: Material, sequence: str, *, fast_t2: bool = False) -> float:
    """Grey level of a material, scaled so that white matter is near 1 in every sequence.

    Args:
        material: what is imaged.
        sequence: "flair", "t1", "t1ce" or "t2".
        fast_t2: the axial 2D T2 of follow-up visits instead of 3D SPACE.
    """
    tissue = RELAXATION[material]
    contrast_t1_ms = tissue.contrast_t1_ms or tissue.t1_ms
    if sequence == "t1ce":
        return 29.0 * mprage(tissue, contrast_t1_ms, 2200, 900, 15, 4)
    outflow = 0.18 if tissue.flow_void else 1.0
    if sequence == "t1":
        return 2.9 * outflow * spin_echo(tissue, 715, 12)
    if sequence == "flair":
        return 6.6 * outflow * inversion_recovery(tissue, FLAIR_REPETITION_MS, FLAIR_INVERSION_MS, 105)
    if sequence == "t2" and fast_t2:
        return 4.4 * outflow * spin_echo(tissue, 5460, 81)
    if sequence == "t2":
        return 5.4 * outflow * spin_echo(tissue, 3200, 95)
    raise ValueError(f"There is no sequence called {sequence!r}.")


def signal_table(*, fast_t2: bool = False) -> Array:
    """Grey levels, one row per material, one column per sequence in the order of `SEQUENCES`."""
    rows = [[signal(material, sequence, fast_t2=fast_t2) for sequence in SEQUENCES] for material in Material]
    return np.array(rows, np.float32)
