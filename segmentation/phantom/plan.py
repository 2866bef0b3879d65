"""What a glioma is like, and how it changes: untreated, after resection, growing back at the wall of the cavity."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from segmentation.phantom.geometry import Point

SITES: tuple[Point, ...] = (
    (27, -40, 26),
    (30, -22, 36),
    (30, 24, 34),
    (34, 10, 30),
    (27, 54, 8),
    (44, -8, -20),
    (44, 16, -14),
    (24, -46, 8),
)
"""Template positions in the white matter of each lobe (left; the right ones mirror them)."""


@dataclass(frozen=True, slots=True)
class TumourPlan:
    """One tumour at one visit. Volumes are targets in ml; the truth is counted from the label map."""

    centre: Point
    core_ml: float
    oedema_ml: float
    rim_mm: float
    roughness: float
    stretch_xyz: Point
    necrosis_is_fluid: float
    oedema_strength: float
    mass_effect_mm: float
    cavity_share: float = 0.0
    residual_share: float = 0.0
    recurrence_ml: float = 0.0

    @classmethod
    def draw(cls, rng: np.random.Generator, scale_xyz: Point) -> TumourPlan:
        """An untreated tumour somewhere in the hemispheres."""
        site = SITES[int(rng.integers(len(SITES)))]
        side = 1 if rng.random() < 0.5 else -1
        jitter = rng.uniform(-5, 5, 3)
        x, y, z = ((value + move) * scale for value, move, scale in zip(site, jitter, scale_xyz, strict=True))
        core_ml = float(np.exp(rng.uniform(np.log(7), np.log(42))))
        stretch = np.exp(rng.normal(0, 0.14, 3))
        return cls(
            centre=(float(x * side), float(y), float(z)),
            core_ml=core_ml,
            oedema_ml=float(np.clip(core_ml * rng.uniform(1.2, 3.6), 18, 110)),
            rim_mm=float(rng.uniform(2.0, 4.4)),
            roughness=float(rng.uniform(0.14, 0.3)),
            stretch_xyz=(float(stretch[0]), float(stretch[1]), float(stretch[2])),
            necrosis_is_fluid=float(rng.uniform(0.0, 0.6)),
            oedema_strength=float(rng.uniform(0.72, 1.0)),
            mass_effect_mm=float(core_ml ** (1 / 3) * rng.uniform(1.2, 2.4)),
        )

    def after_resection(self, rng: np.random.Generator) -> TumourPlan:
        """Most of the core taken out: a cavity with a thin, broken residual rim and less oedema."""
        return replace(
            self,
            cavity_share=float(rng.uniform(0.86, 0.95)),
            residual_share=float(rng.uniform(0.25, 0.45)),
            oedema_ml=self.oedema_ml * float(rng.uniform(0.38, 0.5)),
            rim_mm=float(rng.uniform(1.6, 2.4)),
            mass_effect_mm=self.mass_effect_mm * 0.15,
            core_ml=self.core_ml * 0.85,
        )

    def recurring(self, rng: np.random.Generator) -> TumourPlan:
        """Seen after `after_resection`: a nodule grows at the wall, oedema returns, the cavity shrinks."""
        return replace(
            self,
            core_ml=self.core_ml * 0.86,
            residual_share=min(0.75, self.residual_share * 1.6),
            recurrence_ml=float(np.clip(self.core_ml * rng.uniform(0.3, 0.5), 3.5, 16)),
            oedema_ml=self.oedema_ml * float(rng.uniform(1.7, 2.3)),
            mass_effect_mm=self.mass_effect_mm * 2.5,
            rim_mm=self.rim_mm * 1.25,
        )
