"""Phantom cases as the networks see them: registered, 1 mm, skull-stripped. For training and quick checks."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
import SimpleITK as sitk

from segmentation.phantom.acquisition import Conditions, rician, sample, shading
from segmentation.phantom.anatomy import make_anatomy
from segmentation.phantom.geometry import Array, Field, Mask, RandomField
from segmentation.phantom.visits import Head, build_head, label_map, plan_for_visit
from segmentation.types import SEQUENCES, PreparedScan


def make_prepared_case(
    seed: int, *, visit: int | None = None, spacing_mm: float = 1.0
) -> tuple[PreparedScan, sitk.Image]:
    """A phantom patient as preparation would hand it over, and the true label map on the same grid.

    Every seed is another head, tumour, contrast, shading and noise; what registration and brain extraction leave
    (fractions of a millimetre and of a degree, a mask that is slightly off, thick slices made thin) is included.

    Args:
        seed: which patient.
        visit: 1 to 3; None lets the seed decide.
        spacing_mm: of the grid, 1 as in preparation; coarser for quick tests.
    """
    rng = np.random.default_rng([seed, 50])
    chosen = visit if visit is not None else int(rng.choice([1, 1, 2, 3]))
    anatomy = make_anatomy(seed, spacing_mm, with_head=False)
    plan = plan_for_visit(seed, chosen, anatomy.shape.scale_xyz)
    head = build_head(anatomy, plan, seed, fast_t2=chosen > 1)
    reference = head.field.image(np.zeros(head.field.shape_zyx, np.float32))
    mask = _imperfect_mask(head.brain, head.field, rng)
    images = {name: _prepared_image(head, name, chosen, reference, mask, rng) for name in SEQUENCES}
    brain_mask = head.field.image(mask.astype(np.uint8))
    truth = label_map(head, reference, sitk.Transform(3, sitk.sitkIdentity))
    return PreparedScan(**images, brain_mask=brain_mask, t1ce_grid=images["t1ce"]), truth


def _imperfect_mask(brain: Array, field: Field, rng: np.random.Generator) -> Mask:
    """The true brain mask with an edge that is wrong by about a millimetre here and there."""
    soft = scipy.ndimage.gaussian_filter(brain, 1.2 / field.spacing_mm)
    error = RandomField.draw(rng, 32.0, bandwidth=0.4).at(field.mesh(field.whole()))
    mask: Mask = soft > 0.5 + np.clip(0.13 * error + 0.05, -0.3, 0.3)
    return mask


def _prepared_image(
    head: Head, name: str, visit: int, reference: sitk.Image, mask: Mask, rng: np.random.Generator
) -> sitk.Image:
    seen = Conditions.draw(rng, rotation_deg=0.4, shift_mm=0.4)
    thick = name == "t1" or (name == "t2" and visit > 1)
    grid = _thick_slices(reference) if thick else reference
    values = sample(head.image(name), grid, seen.motion())
    values = np.power(values, rng.uniform(0.85, 1.15), dtype=np.float32)
    noisy = rician(values * shading(values.shape, seen.shading, rng), seen.noise, rng) * np.float32(seen.gain)
    image = sitk.GetImageFromArray(noisy.astype(np.float32))
    image.CopyInformation(grid)
    if thick:
        image = sitk.Resample(image, reference, sitk.Transform(), sitk.sitkLinear, 0.0)
    stripped = head.field.image(sitk.GetArrayFromImage(image) * mask)
    return stripped


def _thick_slices(reference: sitk.Image) -> sitk.Image:
    """The axial 5 mm grid over the same field of view."""
    size, spacing = reference.GetSize(), reference.GetSpacing()
    height_mm = (size[2] - 1) * spacing[2]
    thick = sitk.Image([size[0], size[1], int(height_mm / 5.0) + 2], sitk.sitkFloat32)
    thick.SetSpacing([spacing[0], spacing[1], 5.0])
    thick.SetOrigin(reference.GetOrigin())
    return thick
