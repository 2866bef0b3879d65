"""A healthy head, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from segmentation.phantom.brain import (
    Template,
    brainstem_layers,
    cerebellum_layers,
    cerebrum_layers,
    deep_layers,
)
from segmentation.phantom.geometry import Array, Field, Point
from segmentation.phantom.head import fluid_layer, head_layers, vessel_layers
from segmentation.phantom.layers import HeadShape, Layer, paint
from segmentation.phantom.signal import Material

HEAD_CORNERS: tuple[Point, Point] = ((-90, -124, -144), (90, 110, 98))
BRAIN_CORNERS: tuple[Point, Point] = ((-76, -94, -76), (76, 98, 78))


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Layers from the outside in, and those whose union is the brain."""

    field: Field
    shape: HeadShape
    layers: tuple[Layer, ...]
    brain_layers: tuple[Layer, ...]

    def brain_coverage(self) -> Array:
        """Share of every voxel that lies in the brain, sulci and ventricles included."""
        table = np.zeros((len(Material), 1), np.float32)
        table[1:] = 1
        return paint(np.zeros((1, *self.field.shape_zyx), np.float32), self.brain_layers, table)[0]


@lru_cache(maxsize=2)
def make_anatomy(seed: int, spacing_mm: float, *, with_head: bool) -> Anatomy:
    """The head of one patient: the same at every visit.

    Args:
        seed: which patient.
        spacing_mm: distance of the points at which the shapes are evaluated.
        with_head: also the tissues outside the brain; else only brain and CSF on a smaller field.
    """
    shape = HeadShape.draw(np.random.default_rng([seed, 1]))
    corners = HEAD_CORNERS if with_head else BRAIN_CORNERS
    template = Template(Field.between(*corners, spacing_mm), shape)
    cerebrum, cerebrum_outline = cerebrum_layers(template, np.random.default_rng([seed, 2]))
    cerebellum, cerebellum_outline = cerebellum_layers(template, np.random.default_rng([seed, 3]))
    brainstem, brainstem_outline = brainstem_layers(template)
    deep = deep_layers(template, np.random.default_rng([seed, 4]))
    around = head_layers(template, np.random.default_rng([seed, 5])) if with_head else [fluid_layer(template)]
    layers = [*around, *cerebrum, *deep, *cerebellum, *brainstem, *vessel_layers(template)]
    return Anatomy(
        template.field, shape, tuple(layers), (cerebrum_outline, cerebellum_outline, *brainstem_outline)
    )
