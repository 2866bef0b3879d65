"""The brain: a folded cortex, white matter, ventricles, deep nuclei, cerebellum and brainstem.

Shapes are given in a template of an average adult (cerebrum about 135 x 170 x 115 mm) and scaled to the patient.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segmentation.phantom.geometry import (
    Array,
    Box,
    Field,
    Mesh,
    Point,
    RandomField,
    both,
    either,
    ellipsoid,
    rise,
    tube,
)
from segmentation.phantom.layers import HeadShape, Layer, layer
from segmentation.phantom.signal import Material


@dataclass(frozen=True, slots=True)
class Template:
    """A field seen in template millimetres."""

    field: Field
    shape: HeadShape

    def region(self, low: Point, high: Point) -> tuple[Box, Mesh]:
        """Box and template coordinates between two template corners."""
        scale = self.shape.scale_xyz
        box = self.field.box(_times(low, scale), _times(high, scale))
        return box, self.field.mesh(box).scaled(scale)

    def around(self, centre: Point, semi_axes: Point, margin_mm: float = 3.0) -> tuple[Box, Mesh]:
        """Box and template coordinates around a shape and its mirror image, folded left on right."""
        reach_x = abs(centre[0]) + semi_axes[0] + margin_mm
        low = (-reach_x, centre[1] - semi_axes[1] - margin_mm, centre[2] - semi_axes[2] - margin_mm)
        high = (reach_x, centre[1] + semi_axes[1] + margin_mm, centre[2] + semi_axes[2] + margin_mm)
        box, mesh = self.region(low, high)
        return box, mesh.folded()


def _times(point: Point, factors: Point) -> Point:
    return point[0] * factors[0], point[1] * factors[1], point[2] * factors[2]


CEREBRUM_CORNERS: tuple[Point, Point] = ((-72, -90, -50), (72, 94, 78))
CEREBELLUM_CORNERS: tuple[Point, Point] = ((-62, 10, -78), (62, 94, -2))


def tentorium_height(mesh: Mesh) -> Array:
    """Height of the tent between the occipital lobes and the cerebellum."""
    height: Array = 3 - 0.42 * np.maximum(mesh.y - 38, 0) - 0.36 * np.abs(mesh.x)
    return height


def cerebrum_depth(mesh: Mesh) -> Array:
    """Depth below the convex outline of both hemispheres, without fissures and sulci."""
    folded = mesh.folded()
    dome = ellipsoid(folded, (0, 1, 12), (67, 85, 59))
    front = rise(-mesh.y, 30, 16)
    back = rise(mesh.y, 22, 16)
    floor = front * (-20 + 0.12 * folded.x) + back * tentorium_height(mesh) + (1 - front - back) * -13
    upper = both(dome, (mesh.z - floor) * np.float32(0.92), 8)
    temporal = ellipsoid(folded.pitched(9, (0, -4, -20)), (41, -4, -18), (25, 43, 22))
    above_tent = (mesh.z - tentorium_height(mesh)) * np.float32(0.9) + 60 * (1 - rise(mesh.y, 22, 30))
    return either(upper, both(temporal, above_tent, 4), 6)


def _midline_window(mesh: Mesh) -> Array:
    """Depth inside the region where the hemispheres are joined: corpus callosum and what lies below."""
    return ellipsoid(Mesh(mesh.x * 0, mesh.y, mesh.z), (0, 4, 1), (1e3, 43, 27))


def _cleft_depth(mesh: Mesh) -> Array:
    """Distance to the wall of the cleft between the hemispheres, as if it parted them all the way down."""
    depth: Array = np.abs(mesh.x) - np.float32(0.8) - 0.5 * rise(mesh.z, 55, 30)
    return depth


def _slope(values: Array, spacing_mm: float) -> tuple[Array, Array, Array, Array]:
    gz, gy, gx = np.gradient(values, np.float32(spacing_mm))
    return gx, gy, gz, np.sqrt(gx * gx + gy * gy + gz * gz)


def _surface_foot(mesh: Mesh, depth: Array, spacing_mm: float, rng: np.random.Generator) -> Mesh:
    """The point of the hemisphere's surface above each point, a little off so that sulci curve on their way down."""
    gx, gy, gz, size = _slope(depth, spacing_mm)
    step = np.clip(depth, -6, 24) / np.maximum(size, 0.5)
    bend = [0.11 * step * RandomField.draw(rng, 24.0).at(mesh) for _ in range(3)]
    return Mesh(mesh.x - step * gx + bend[0], mesh.y - step * gy + bend[1], mesh.z - step * gz + bend[2])


def _sulci_depth(mesh: Mesh, depth: Array, template: Template, rng: np.random.Generator) -> Array:
    """Depth inside brain as the folding sees it: negative within a sulcus.

    The sulci are where a band-limited random field, read at the nearest point of the hemisphere's surface, changes
    sign: long winding lines as wide apart as gyri, running down from the surface.
    """
    shape, spacing = template.shape, template.field.spacing_mm
    folds = RandomField.draw(rng, shape.gyrus_wavelength_mm, bandwidth=0.17, samples=128)
    own = RandomField.draw(rng, shape.gyrus_wavelength_mm, bandwidth=0.2, samples=96)
    reach = RandomField.draw(rng, 36.0)
    foot = _surface_foot(mesh, depth, spacing, rng)
    # Left and right share half of their pattern, as real hemispheres do.
    paired = Mesh(np.abs(foot.x), foot.y, foot.z)
    value = 0.6 * folds.at(paired) + 0.8 * own.at(foot)
    steep = _slope(value, spacing)[3]
    typical = np.float32(2 * np.pi / shape.gyrus_wavelength_mm * 0.55)
    aside = value / np.sqrt(steep**2 + (0.3 * typical) ** 2)
    floor = shape.sulcus_depth_mm * (1 + 0.32 * np.clip(reach.at(foot), -2, 2))
    width = shape.sulcus_mm * (1.2 - 0.6 * np.clip(depth / floor, 0, 1))
    away: Array = np.sqrt(aside**2 + np.maximum(depth - floor, 0) ** 2) - width
    return away


def _sylvian_depth(mesh: Mesh, wobble: Array) -> Array:
    """The lateral fissure and the insula at its end: a sheet in, then a sheet across."""
    folded = mesh.folded()
    sheet = (folded.z - (-9 + 0.40 * (folded.y + 30)) + 2.2 * wobble) * 0.93
    short_x, off_y = np.maximum(36 - folded.x, 0), np.maximum(np.abs(folded.y + 4) - 36, 0)
    opening = 0.7 + 1.5 * rise(-folded.y, 24, 22)
    fissure = np.sqrt(sheet**2 + short_x**2 + off_y**2) - opening
    insula_x = 37.5 - 5 * ((folded.y + 4) / 34) ** 2 + 1.3 * wobble
    across = np.maximum(np.abs(sheet) - 12, 0) ** 2 + np.maximum(np.abs(folded.y + 4) - 26, 0) ** 2
    insula: Array = np.sqrt((folded.x - insula_x) ** 2 + across) - 0.8
    return np.minimum(fissure, insula)


def cerebrum_layers(template: Template, rng: np.random.Generator) -> tuple[list[Layer], Layer]:
    """Cortex and white matter; also the outline of the cerebrum (fissures filled) for the brain mask."""
    box, straight = template.region(*CEREBRUM_CORNERS)
    outline = cerebrum_depth(straight)
    # The falx is never quite flat.
    lean = 1.1 * RandomField.draw(rng, 70.0).at(Mesh(straight.x[..., :1] * 0, straight.y, straight.z))
    mesh = Mesh(straight.x - lean, straight.y, straight.z)
    cleft, joined = _cleft_depth(mesh), _midline_window(mesh)
    sulci = np.maximum(_sulci_depth(straight, both(outline, cleft, 3), template, rng), (joined + 6) * 0.35)
    wobble = RandomField.draw(rng, 22.0, bandwidth=0.4).at(straight)
    pial = both(both(outline, np.maximum(cleft, joined), 2), sulci, 3.0)
    pial = both(pial, _sylvian_depth(mesh, wobble), 2.0)
    thickness = template.shape.cortex_mm * (1 + 0.12 * wobble)
    # The joined middle has no cortex: there white matter reaches the midline.
    thickness -= 6 * rise(joined, 0.5, 3) * rise(26 - np.abs(mesh.x), 0, 8)
    field = template.field
    return [
        layer(Material.GREY, box, pial, field),
        layer(Material.WHITE, box, pial - thickness, field, soft_mm=1.3),
    ], layer(Material.GREY, box, outline + 0.5, field)


def deep_layers(template: Template, rng: np.random.Generator) -> list[Layer]:
    """Nuclei, ventricles, corpus callosum and the cisterns around the midbrain."""
    found = [
        _ellipsoid_layer(template, Material.CSF, (0, 38, -9), (15, 8, 12)),
        _ellipsoid_layer(template, Material.CSF, (0, 18, -17), (23, 21, 12)),
        _ellipsoid_layer(template, Material.CSF, (0, -12, -19), (14, 13, 9)),
        _ellipsoid_layer(template, Material.PUTAMEN, (26.5, -3, 4), (5.5, 17, 11), yaw=-14),
        _ellipsoid_layer(template, Material.PALLIDUM, (20.5, -1, 2), (4.2, 10, 7.5), yaw=-16),
        _ellipsoid_layer(template, Material.THALAMUS, (10.5, 10, 6.5), (9, 15, 9.5), yaw=24),
        _ellipsoid_layer(template, Material.GREY, (27, 2, -22), (6, 16, 4.5), yaw=-8),
        _ellipsoid_layer(template, Material.GREY, (22, -13, -19), (7.5, 8, 7)),
    ]
    caudate = ((13, -20, 4), (15, -14, 11), (17, -2, 20), (20, 16, 21))
    found.append(_tube_layer(template, Material.CAUDATE, caudate, (5.5, 6.0, 3.2, 1.6)))
    found += _ventricle_layers(template, rng)
    found.append(_corpus_callosum(template))
    return found


def _ventricle_layers(template: Template, rng: np.random.Generator) -> list[Layer]:
    size = template.shape.ventricle_scale
    body: tuple[Point, ...] = ((13, -28, 5), (9, -19, 11), (7, -4, 17), (10, 14, 18.5), (20, 32, 12))
    found = [
        _tube_layer(template, Material.CSF, body, _sized((2.2, 4.6, 4.4, 4.6, 6.4), size), squeeze_x=0.75),
        _tube_layer(
            template, Material.CSF, ((20, 32, 12), (24, 48, 7), (22, 62, 3)), _sized((6, 3.4, 1.2), size)
        ),
        _tube_layer(
            template,
            Material.CSF,
            ((20, 32, 12), (30, 24, -7), (33, 3, -17), (30, -14, -21)),
            _sized((6, 2.6, 2.2, 1.6), size),
        ),
        _ellipsoid_layer(template, Material.CSF, (0, 2, -1), (1.7 + 0.9 * size, 15, 9)),
        _tube_layer(template, Material.CHOROID, ((14, 18, 17), (20, 31, 10), (27, 26, -3)), (0.8, 2.3, 0.8)),
        _tube_layer(template, Material.CHOROID, ((1.5, -8, 13), (8, 6, 15.5)), (0.8, 0.9)),
    ]
    box, mesh = template.region((-3, -34, 0), (3, 24, 26))
    septum = both(0.9 - np.abs(mesh.x), ellipsoid(mesh, (0, -6, 13), (40, 26, 11)))
    found.append(layer(Material.WHITE, box, septum, template.field))
    return found


def _corpus_callosum(template: Template) -> Layer:
    box, mesh = template.region((-22, -42, -12), (22, 50, 30))
    # Its fibres turn upwards on both sides, so the roof of the ventricles is a shallow V.
    inside = _midline_window(Mesh(mesh.x, mesh.y, mesh.z - 0.012 * mesh.x**2))
    thickness = 5.0 + 3.5 * rise(mesh.y, 36, 14) + 2.0 * rise(-mesh.y, 28, 12)
    arch = both(inside, thickness - inside)
    below = 0.55 * rise(-mesh.y, 10, 50)
    return layer(
        Material.WHITE,
        box,
        both(both(arch, mesh.z - (2 - 20 * below)), 20 - np.abs(mesh.x), 4),
        template.field,
    )


def cerebellum_layers(template: Template, rng: np.random.Generator) -> tuple[list[Layer], Layer]:
    """Cerebellum with its folia, and the outline for the brain mask."""
    box, mesh = template.region(*CEREBELLUM_CORNERS)
    folded = mesh.folded()
    lobes = ellipsoid(folded, (25, 49, -39), (31, 33, 27))
    vermis = ellipsoid(folded, (0, 51, -35), (16, 25, 28))
    outline = both(either(lobes, vermis, 8), (tentorium_height(mesh) - 1.8 - mesh.z) * 0.9, 4)
    wobble = RandomField.draw(rng, 22.0).at(mesh)
    # Folia fan out around the fourth ventricle; their number per turn keeps them about 4.5 mm apart.
    y, z = mesh.y - 34, mesh.z + 40
    radius = np.sqrt(y * y + z * z + 0.3 * folded.x**2)
    phase = 42 * np.arctan2(z, y) + 1.1 * wobble + 0.10 * folded.x
    aside = np.abs(np.sin(phase / 2)) * radius / 21
    reach = np.clip(10 + 4 * np.cos(phase / 5), 4, 15)
    groove = np.sqrt(aside**2 + np.maximum(outline - reach, 0) ** 2) - 0.38
    pial = both(outline, groove.astype(np.float32), 1.5)
    stems = outline - 10 - 5 * np.cos(phase / 4)
    field = template.field
    dentate = ellipsoid(folded.yawed(-30, (17, 42, -38)), (17, 42, -38), (5, 8, 4))
    return [
        layer(Material.CEREBELLAR_GREY, box, pial, field),
        layer(Material.WHITE, box, stems.astype(np.float32), field, soft_mm=2.0),
        layer(Material.IRON_NUCLEUS, box, both(dentate, 1.2 - dentate), field, soft_mm=1.5),
    ], layer(Material.GREY, box, outline + 0.5, field)


def brainstem_layers(template: Template) -> tuple[list[Layer], list[Layer]]:
    """Midbrain, pons, medulla, cord, aqueduct and fourth ventricle; and the part that counts as brain."""
    found = [
        _tube_layer(template, Material.BRAINSTEM, ((0, 40, -66), (0, 46, -84), (0, 52, -140)), (6.5, 5, 4.5)),
        _tube_layer(
            template, Material.BRAINSTEM, ((0, 24, -44), (0, 33, -58), (0, 40, -66)), (8.5, 8, 6.5), 0.75
        ),
        _ellipsoid_layer(template, Material.BRAINSTEM, (0, 19, -36), (17, 13, 15)),
        _tube_layer(template, Material.BRAINSTEM, ((10, 24, -38), (19, 36, -40)), (7, 7)),
        _ellipsoid_layer(template, Material.BRAINSTEM, (0, 22, -16), (12, 12, 13)),
        _tube_layer(template, Material.BRAINSTEM, ((7, 12, -22), (15, 6, -8), (20, 2, 4)), (5.5, 6, 6)),
        _ellipsoid_layer(template, Material.IRON_NUCLEUS, (5, 18, -12), (2.6, 2.8, 3)),
        _tube_layer(
            template, Material.FLOWING_CSF, ((0, 20, -4), (0, 28, -16), (0, 30, -26)), (1.0, 1.2, 1.6)
        ),
    ]
    fourth = ellipsoid_box = template.around((0, 34, -37), (9, 6, 13))
    depth = ellipsoid(fourth[1].pitched(-14, (0, 34, -37)), (0, 34, -37), (8.5, 5, 12))
    found.append(layer(Material.CSF, ellipsoid_box[0], depth, template.field))
    return found, [found[1], found[2], found[3], found[4]]


def _sized(radii_mm: tuple[float, ...], factor: float) -> tuple[float, ...]:
    return tuple(radius * factor for radius in radii_mm)


def _ellipsoid_layer(
    template: Template, material: Material, centre: Point, semi_axes: Point, yaw: float = 0.0
) -> Layer:
    longest = max(semi_axes) if yaw else 0.0
    box, mesh = template.around(
        centre, (max(semi_axes[0], longest), max(semi_axes[1], longest), semi_axes[2])
    )
    depth = ellipsoid(mesh.yawed(yaw, centre) if yaw else mesh, centre, semi_axes)
    return layer(material, box, depth, template.field)


def _tube_layer(
    template: Template,
    material: Material,
    points: tuple[Point, ...],
    radii_mm: tuple[float, ...],
    squeeze_x: float = 1.0,
) -> Layer:
    reach = max(radii_mm) / squeeze_x + 2
    corners = np.array(points)
    low, high = corners.min(axis=0) - reach, corners.max(axis=0) + reach
    box, mesh = template.region((-high[0], low[1], low[2]), (high[0], high[1], high[2]))
    return layer(material, box, tube(mesh.folded(), points, radii_mm, squeeze_x), template.field)
