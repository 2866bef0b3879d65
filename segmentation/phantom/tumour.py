"""Growing a glioma into the tissue of a head.

The core is a ball made irregular by a random field. Oedema is where a wave that starts in the core arrives early:
it runs fast along white matter, slowly through cortex and hardly through CSF, so it spreads in fingers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.ndimage
import SimpleITK as sitk

from segmentation.phantom.geometry import Array, Box, Field, Mask, Mesh, Point, RandomField, rise, tube
from segmentation.phantom.layers import Layer
from segmentation.phantom.plan import TumourPlan
from segmentation.phantom.signal import Material

REACH_MM = 58.0


@dataclass(frozen=True, slots=True)
class Tumour:
    """Coverages (0..1) of the parts in one box of the field; `layers` paint them."""

    box: Box
    core: Array
    enhancing: Array
    oedema: Array
    layers: tuple[Layer, ...]


def tumour_box(field: Field, centre: Point) -> Box:
    """The part of the field that a tumour and its mass effect can reach."""
    low = (centre[0] - REACH_MM, centre[1] - REACH_MM, centre[2] - REACH_MM)
    high = (centre[0] + REACH_MM, centre[1] + REACH_MM, centre[2] + REACH_MM)
    return field.box(low, high)


def push_aside(canvas: Array, brain: Array, field: Field, plan: TumourPlan) -> Array:
    """Mass effect: what lies around the centre moves outward, the skull stays (changes the canvas in place).

    Returns the part of the canvas in the tumour's box.
    """
    box = tumour_box(field, plan.centre)
    part = canvas[(slice(None), *box)]
    if plan.mass_effect_mm < 0.3:
        return part
    mesh = field.mesh(box)
    x, y, z = (axis - c for axis, c in zip((mesh.x, mesh.y, mesh.z), plan.centre, strict=True))
    radius = np.sqrt(x * x + y * y + z * z)
    core_mm = (plan.core_ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
    held = scipy.ndimage.gaussian_filter(brain[box], 4.0 / field.spacing_mm)
    freedom = rise(held, 0.72, 0.5)
    push = plan.mass_effect_mm * freedom * np.exp(-0.5 * (np.maximum(radius - core_mm, 0) / 20) ** 2)
    pull = push / np.maximum(radius, 1.0) * rise(radius, core_mm * 0.5, core_mm) / field.spacing_mm
    rows = np.indices(radius.shape, dtype=np.float32)
    points = rows - np.stack(np.broadcast_arrays(z * pull, y * pull, x * pull))
    for channel in part:
        channel[:] = scipy.ndimage.map_coordinates(channel, points, order=1, mode="nearest")
    return part


def _ball(mesh: Mesh, plan: TumourPlan, rng: np.random.Generator) -> Array:
    """Distance from the centre in mm, made irregular; its level sets are the tumour's outlines."""
    x, y, z = (
        (axis - c) / s
        for axis, c, s in zip((mesh.x, mesh.y, mesh.z), plan.centre, plan.stretch_xyz, strict=True)
    )
    radius = np.sqrt(x * x + y * y + z * z)
    coarse, fine = RandomField.draw(rng, 34.0, bandwidth=0.4), RandomField.draw(rng, 13.0, bandwidth=0.4)
    bumpy: Array = radius * (1 + plan.roughness * coarse.at(mesh)) + 0.7 * fine.at(mesh)
    return bumpy


def _level_for(values: Array, allowed: Mask, volume_ml: float, spacing_mm: float) -> float:
    """The level below which `values`, where allowed, enclose a volume."""
    inside = values[allowed]
    wanted = int(volume_ml * 1000 / spacing_mm**3)
    if inside.size == 0:
        raise ValueError("There is no tissue here in which a tumour could grow.")
    return float(np.partition(inside, min(wanted, inside.size - 1))[min(wanted, inside.size - 1)])


def _arrival(speed: Array, core_depth: Array, centre_index: tuple[int, ...], spacing_mm: float) -> Array:
    """When a wave from the centre arrives, on a grid of half the resolution (fast marching)."""
    step = max(1, round(2.0 / spacing_mm))
    coarse = np.where(core_depth > 0, 30.0, speed)[::step, ::step, ::step]
    image = sitk.GetImageFromArray(np.maximum(coarse, 0.01).astype(np.float32))
    start = [
        int(min(index // step, size - 1)) for index, size in zip(centre_index, coarse.shape, strict=True)
    ]
    march = sitk.FastMarchingImageFilter()
    march.AddTrialPoint(start[::-1])
    march.SetStoppingValue(400.0)
    arrived = np.minimum(sitk.GetArrayFromImage(march.Execute(image)), 400).astype(np.float32)
    zoom = [full / part for full, part in zip(core_depth.shape, arrived.shape, strict=True)]
    fine: Array = scipy.ndimage.zoom(arrived, zoom, order=1, grid_mode=True, mode="nearest") * (
        step * spacing_mm
    )
    return fine


def _soft(inside: Array, spacing_mm: float, sigma_mm: float = 0.7) -> Array:
    blurred: Array = scipy.ndimage.gaussian_filter(inside.astype(np.float32), sigma_mm / spacing_mm)
    return blurred


def _depth_to_cover(depth_mm: Array, spacing_mm: float) -> Array:
    cover: Array = np.clip(0.5 + depth_mm / np.float32(max(spacing_mm, 1.0)), 0, 1)
    return cover


def _largest_part(depth: Array) -> Array:
    """Only the largest connected part keeps a positive depth."""
    parts, count = scipy.ndimage.label(depth > 0)
    if count < 2:
        return depth
    largest = int(np.argmax(np.bincount(parts.ravel())[1:])) + 1
    return np.where((parts == largest) | (parts == 0), depth, -1).astype(np.float32)


def _core_parts(
    mesh: Mesh, plan: TumourPlan, allowed: Array, spacing_mm: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Depths (mm) of the core and of what enhances in it, before surgery."""
    ball = _ball(mesh, plan, rng)
    level = _level_for(ball, allowed > 0.5, plan.core_ml, spacing_mm)
    core = _largest_part(np.minimum(level - ball, (allowed - 0.5) * 4))
    thick = plan.rim_mm * np.exp(0.45 * RandomField.draw(rng, 20.0, bandwidth=0.4).at(mesh))
    gaps = RandomField.draw(rng, 26.0, bandwidth=0.4).at(mesh)
    strands = RandomField.draw(rng, 15.0, bandwidth=0.4).at(mesh)
    rim = thick - (level - ball) - 5 * rise(gaps, 1.5, 0.6)
    bridges = (np.abs(strands) * -5 + 1.1) * rise(gaps, -0.3, 1.0)
    return core, np.minimum(core, np.maximum(rim, bridges))


def _cavity_parts(
    mesh: Mesh, plan: TumourPlan, allowed: Array, spacing_mm: float, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Depths (mm) of the core with its cavity, of what enhances, and of the cavity alone, after surgery."""
    ball = _ball(mesh, plan, rng)
    level = _level_for(ball, allowed > 0.5, plan.core_ml, spacing_mm)
    outward = np.array(plan.centre) / np.linalg.norm(plan.centre)
    exit_point = tuple(float(value) for value in np.array(plan.centre) + 70 * outward)
    width = (plan.core_ml * 1000) ** (1 / 3) * 0.24
    corridor = tube(mesh, (plan.centre, (exit_point[0], exit_point[1], exit_point[2])), (width, width * 0.8))
    cavity = _largest_part(np.minimum(np.maximum(level - ball, corridor), (allowed - 0.5) * 4))
    patches = RandomField.draw(rng, 24.0, bandwidth=0.4).at(mesh)
    cut = float(np.quantile(patches, 1 - plan.residual_share))
    wall = plan.rim_mm * np.clip((patches - cut) * 2.2, -1, 1.3) + np.minimum(cavity, 0)
    enhancing = np.minimum(np.minimum(wall, -cavity), (allowed - 0.5) * 4)
    if plan.recurrence_ml:
        nodule = _nodule(mesh, plan, ball - level, allowed, spacing_mm, rng)
        enhancing = np.maximum(enhancing, np.minimum(nodule, -cavity * 3 - 0.5))
    return np.maximum(cavity, enhancing), enhancing, cavity


def _nodule(
    mesh: Mesh, plan: TumourPlan, outside: Array, allowed: Array, spacing_mm: float, rng: np.random.Generator
) -> Array:
    """Depth inside the recurrence, which sits on the deep wall of the cavity."""
    inward = -np.array(plan.centre) / np.linalg.norm(plan.centre) + rng.normal(0, 0.45, 3)
    reach = (plan.core_ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
    x, y, z = np.array(plan.centre) + reach * inward / np.linalg.norm(inward)
    seat = replace(plan, centre=(float(x), float(y), float(z)), roughness=0.28)
    bumps = _ball(mesh, seat, rng)
    grows = (allowed > 0.5) & (outside > 0)
    return _level_for(bumps, grows, plan.recurrence_ml, spacing_mm) - bumps


def grow(part: Array, field: Field, plan: TumourPlan, seed_sequence: list[int]) -> Tumour:
    """Shape a tumour into the tissue of its box.

    Args:
        part: (2, z, y, x) of the box: share of tissue that a core can replace, and speed of spread.
        field: the field that the box belongs to.
        plan: what to grow.
        seed_sequence: entropy of the shapes; the same at every visit, so that the story holds together.
    """
    tissue, speed = part
    rng = np.random.default_rng(seed_sequence)
    box = tumour_box(field, plan.centre)
    mesh, spacing = field.mesh(box), field.spacing_mm
    allowed = scipy.ndimage.gaussian_filter(tissue, 1.6 / spacing)
    if plan.cavity_share:
        core, enhancing, cavity = _cavity_parts(mesh, plan, allowed, spacing, rng)
    else:
        core, enhancing = _core_parts(mesh, plan, allowed, spacing, rng)
        cavity = np.full_like(core, -9)
    fingers = RandomField.draw(np.random.default_rng([*seed_sequence, 7]), 18.0, bandwidth=0.4).at(mesh)
    start = [
        int((c - low) / spacing) - s.start
        for c, low, s in zip(plan.centre, field.low_xyz_mm, box[::-1], strict=True)
    ]
    arrival = _arrival(speed * np.exp(0.55 * fingers), core, tuple(start[::-1]), spacing)
    spread = (speed > 0.3) & (core < 0)
    level = _level_for(arrival, spread, plan.oedema_ml, spacing)
    oedema = _soft((arrival < level) & ((speed > 0.3) | (core > 0)), spacing)
    intensity = plan.oedema_strength * (0.62 + 0.38 * rise(level - arrival, level * 0.22, level * 0.4))
    intensity = intensity * np.clip(1 + 0.08 * fingers, 0.7, 1.1)
    core_cover, enhancing_cover = _depth_to_cover(core, spacing), _depth_to_cover(enhancing, spacing)
    layers = _tumour_layers(
        field,
        box,
        plan,
        oedema * intensity,
        core_cover,
        enhancing_cover,
        _depth_to_cover(cavity, spacing),
        core,
        rng,
    )
    return Tumour(box, core_cover, enhancing_cover, np.maximum(oedema, core_cover), tuple(layers))


def _tumour_layers(
    field: Field,
    box: Box,
    plan: TumourPlan,
    oedema: Array,
    core: Array,
    enhancing: Array,
    cavity: Array,
    core_depth: Array,
    rng: np.random.Generator,
) -> list[Layer]:
    mesh = field.mesh(box)
    patchy = RandomField.draw(rng, 16.0, bandwidth=0.4).at(mesh)
    dead = core * rise(core_depth, 4.5, 5) * np.clip(0.75 + 0.3 * patchy, 0.15, 1)
    wet = dead * plan.necrosis_is_fluid
    vivid = enhancing * np.clip(0.86 + 0.16 * patchy, 0.5, 1)
    parts = [
        (Material.OEDEMA, oedema),
        (Material.NONENHANCING, core * (cavity < 0.5)),
        (Material.NECROSIS, dead * (cavity < 0.5)),
        (Material.CAVITY_FLUID, np.maximum(wet * (cavity < 0.5), cavity)),
        (Material.ENHANCING, vivid),
    ]
    return [_cover(material, box, cover) for material, cover in parts]


def _cover(material: Material, box: Box, cover: Array) -> Layer:
    return Layer(material, box, np.clip(cover * 255 + 0.5, 0, 255).astype(np.uint8))
