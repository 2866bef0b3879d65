"""Everything around the brain: scalp, skull, meninges, vessels, eyes, nose, sinuses, throat and neck."""

from __future__ import annotations

import numpy as np

from segmentation.phantom.brain import Template, cerebrum_depth, tentorium_height
from segmentation.phantom.geometry import Array, Mesh, RandomField, both, either, ellipsoid, rise, tube
from segmentation.phantom.layers import Layer, layer
from segmentation.phantom.signal import Material


def head_depth(mesh: Mesh, scalp_mm: float) -> Array:
    """Depth below the skin."""
    folded = mesh.folded()
    extra = scalp_mm - 5
    skull = ellipsoid(folded, (0, 2, 8), (80 + extra, 101 + extra, 82 + extra))
    temple = ellipsoid(folded, (60, -28, -18), (22, 40, 40))
    face = ellipsoid(folded, (0, -44, -62), (62, 56, 62))
    nose = tube(folded, ((0, -97, -26), (0, -112, -56), (0, -98, -62)), (8, 10, 9))
    chin = ellipsoid(folded, (0, -62, -112), (40, 40, 30))
    neck = ellipsoid(Mesh(folded.x, mesh.y - 0.12 * (mesh.z + 60), mesh.z * 0), (0, 28, 0), (58, 60, 1e3))
    neck = both(neck, (-35 - mesh.z) * np.float32(1.0), 10)
    depth = either(either(skull, temple, 12), either(face, nose, 8), 14)
    return either(either(depth, chin, 14), neck, 18)


def cavity_depth(mesh: Mesh) -> Array:
    """Depth inside the skull: the brain's outline with room for CSF, and the posterior fossa."""
    folded = mesh.folded()
    vault = cerebrum_depth(mesh) + 1.3 + 1.2 * rise(mesh.z, 45, 50) + 0.8 * rise(-mesh.y, 30, 60)
    lobes = ellipsoid(folded, (25, 49, -39), (32.3, 34.3, 28.3))
    fossa = either(lobes, ellipsoid(folded, (0, 36, -38), (22, 46, 30)), 14)
    bridge = ellipsoid(folded, (0, 10, -17), (38, 36, 19))
    funnel = tube(folded, ((0, 34, -58), (0, 40, -70), (0, 46, -84), (0, 52, -140)), (17, 13, 9, 8.5))
    return either(either(vault, fossa, 6), either(bridge, funnel, 8), 6)


def head_layers(template: Template, rng: np.random.Generator) -> list[Layer]:
    """From the air inwards to the CSF in which the brain lies."""
    field, shape = template.field, template.shape
    box = field.whole()
    mesh = field.mesh(box).scaled(shape.scale_xyz)
    skin = head_depth(mesh, shape.scalp_mm)
    cavity = cavity_depth(mesh)
    wobble = RandomField.draw(rng, 34.0).at(mesh)
    low = rise(-mesh.z, 40, 50)
    fat_mm = 2.0 + (shape.scalp_mm - 2.0) * (1 + 0.12 * wobble) + 3.0 * low
    strands = RandomField.draw(rng, 21.0, bandwidth=0.4).at(Mesh(mesh.x, mesh.y, mesh.z * 0.35))
    found = [
        layer(Material.SKIN, box, skin, field),
        layer(Material.FAT, box, skin - 1.6, field),
        layer(Material.MUSCLE, box, skin - fat_mm, field),
        layer(Material.FAT, box, both(skin - 6, 0.2 - np.abs(strands) * 6), field, soft_mm=2),
    ]
    found += _skull(template, mesh, skin, cavity, wobble)
    found += face_layers(template)
    found.append(layer(Material.DURA, box, cavity + 0.9, field))
    found.append(layer(Material.CSF, box, cavity, field))
    return found


def fluid_layer(template: Template) -> Layer:
    """The CSF in which the brain lies."""
    box = template.field.whole()
    mesh = template.field.mesh(box).scaled(template.shape.scale_xyz)
    return layer(Material.CSF, box, cavity_depth(mesh), template.field)


def _skull(template: Template, mesh: Mesh, skin: Array, cavity: Array, wobble: Array) -> list[Layer]:
    box, field, skull_mm = field_box(template), template.field, template.shape.skull_mm
    above = rise(mesh.z, -118, 12)
    thickness = skull_mm * (1 + 0.10 * wobble) * (1 + 0.25 * rise(mesh.y, 60, 30))
    inside_skin = skin - 3.0
    bone = both(both(cavity + thickness, inside_skin), (above - 0.5) * 40)
    marrow = both(both(cavity + thickness - 2.2, -(cavity + 2.4)), inside_skin - 2)
    return [
        layer(Material.BONE, box, bone, field),
        layer(Material.MARROW, box, both(marrow, (above - 0.5) * 40) + 0.25 * wobble, field, soft_mm=1.5),
    ]


def field_box(template: Template) -> tuple[slice, slice, slice]:
    """The box of the whole field."""
    return template.field.whole()


def face_layers(template: Template) -> list[Layer]:
    """Skull base and face: bone, air spaces with mucosa, orbits with eyes, mouth and throat."""
    found = [
        _ellipsoid(template, Material.BONE, (0, -58, -45), (38, 28, 26)),
        _ellipsoid(template, Material.BONE, (0, -10, -36), (26, 24, 13)),
        _ellipsoid(template, Material.MARROW, (0, 4, -42), (11, 13, 9)),
        _ellipsoid(template, Material.BONE, (46, 24, -42), (20, 16, 14)),
        _ellipsoid(template, Material.BONE, (0, -72, -78), (27, 25, 7)),
        _tube(
            template,
            Material.BONE,
            ((8, -95, -108), (34, -66, -108), (46, -20, -88), (47, -14, -50)),
            (9, 8, 7, 5),
        ),
        _tube(template, Material.MARROW, ((8, -95, -108), (34, -66, -108), (46, -20, -88)), (5, 4.5, 3)),
    ]
    found += _air_spaces(template)
    found += _orbits(template)
    found += _throat_and_neck(template)
    return found


def _air_spaces(template: Template) -> list[Layer]:
    found: list[Layer] = []
    spaces = (
        ((27, -62, -54), (11.5, 14, 14)),
        ((10, -16, -33), (8.5, 11, 7.5)),
        ((10, -88, -10), (9, 5, 11)),
        ((8, -50, -36), (7, 22, 10)),
        ((9, -66, -54), (8.5, 30, 18)),
    )
    for centre, semi in spaces:
        found.append(_ellipsoid(template, Material.MUCOSA, centre, semi))
        found.append(
            _ellipsoid(template, Material.AIR, centre, (semi[0] - 1.4, semi[1] - 1.4, semi[2] - 1.4))
        )
    found += [
        _ellipsoid(template, Material.BONE, (0, -66, -48), (1.2, 32, 20)),
        _tube(template, Material.MUCOSA, ((11, -84, -48), (10, -44, -50)), (2.6, 3.2)),
        _tube(template, Material.MUCOSA, ((11, -82, -62), (10, -42, -63)), (3.2, 3.8)),
    ]
    cells = ((46, 30, -44), (52, 34, -50), (43, 26, -52), (52, 26, -40), (40, 21, -40))
    found += [_ellipsoid(template, Material.AIR, centre, (4.5, 4.5, 4.5)) for centre in cells]
    found.append(_tube(template, Material.AIR, ((50, 18, -40), (84, 15, -40)), (2.2, 3.2)))
    return found


def _orbits(template: Template) -> list[Layer]:
    centre = (32.0, -78.0, -30.0)
    muscles = ((32, -66, -19), (32, -66, -41), (21, -66, -30), (43, -66, -30))
    found = [
        _tube(template, Material.FAT, ((33, -80, -30), (28, -58, -29), (17, -34, -26)), (17, 15, 4)),
    ]
    for x, y, z in muscles:
        tip = (17.0, -36.0, -26.0)
        found.append(_tube(template, Material.MUSCLE, ((x, y - 8, z), (x, y, z), tip), (1.2, 2.4, 1.2)))
    found += [
        _tube(template, Material.CSF, ((31, -68, -30), (16, -32, -25)), (2.9, 2.4)),
        _tube(template, Material.WHITE, ((31, -68, -30), (16, -32, -25), (4, -18, -20)), (1.6, 1.6, 2.0)),
        _ellipsoid(template, Material.SKIN, centre, (12.6, 12.6, 12.6)),
        _ellipsoid(template, Material.VITREOUS, centre, (11.6, 11.6, 11.6)),
        _ellipsoid(template, Material.LENS, (32.4, -87, -30), (4.6, 2.3, 4.6)),
    ]
    return found


def _throat_and_neck(template: Template) -> list[Layer]:
    found = [
        _ellipsoid(template, Material.MUSCLE, (0, -60, -98), (23, 30, 15)),
        _tube(template, Material.MUCOSA, ((0, -30, -60), (0, -20, -84), (0, -12, -140)), (9.5, 8.5, 9.5)),
        _tube(template, Material.AIR, ((0, -34, -58), (0, -21, -84), (0, -12, -140)), (7.5, 5.5, 7.5)),
        _tube(template, Material.FLOWING_CSF, ((0, 40, -72), (0, 46, -84), (0, 52, -140)), (11, 9, 8.5)),
    ]
    for level in range(3):
        z = -92.0 - 19 * level
        found.append(_ellipsoid(template, Material.BONE, (0, 22 + 4.0 * level, z), (14, 13, 8.8)))
        found.append(_ellipsoid(template, Material.MARROW, (0, 22 + 4.0 * level, z), (12.6, 11.6, 7.4)))
    vessels = ((32, 6, -140), (28, 6, -96), (24, 0, -60))
    found.append(_tube(template, Material.ARTERY, vessels, (3.2, 3, 2.6)))
    found.append(_tube(template, Material.VEIN, ((38, 12, -140), (34, 14, -96), (27, 20, -58)), (5, 5, 4)))
    return found


def vessel_layers(template: Template) -> list[Layer]:
    """Dural sinuses with the falx and tent, and the large arteries at the base of the brain."""
    box, mesh = template.region((-6, -90, -30), (6, 98, 80))
    cavity = cavity_depth(mesh)
    falx = both(
        both(0.55 - np.abs(mesh.x), cavity),
        -ellipsoid(Mesh(mesh.x * 0, mesh.y, mesh.z), (0, 10, 0), (1e3, 50, 34)),
    )
    behind = rise(mesh.y, 25, 20)
    floor = behind * tentorium_height(mesh) - 17 * (1 - behind)
    falx = both(falx, mesh.z - floor)
    ridge = both(
        both(3.2 - np.abs(mesh.x) - 0.8 * np.maximum(cavity, 0), cavity + 1.5),
        mesh.z - floor - 14 * (1 - behind),
    )
    found = [
        layer(Material.DURA, box, falx.astype(np.float32), template.field),
        layer(Material.VEIN, box, ridge.astype(np.float32), template.field),
        _tube(template, Material.VEIN, ((0, 45, 3), (0, 66, -8), (0, 84, -18)), (2.0, 2.2, 3.4)),
        _tube(
            template,
            Material.VEIN,
            ((2, 84, -19), (34, 70, -23), (52, 38, -30), (44, 26, -48)),
            (3.2, 3.4, 3.4, 3.4),
        ),
        _tube(template, Material.VEIN, ((1, 44, 2), (2.5, 24, 13), (3, -4, 12)), (1.6, 1.0, 0.8)),
        _tube(template, Material.ARTERY, ((0, 5, -44), (0, 3, -30), (0, -1, -20)), (1.7, 1.9, 1.7)),
        _tube(
            template,
            Material.ARTERY,
            ((18, 0, -42), (12, -8, -30), (14, -12, -20), (34, -12, -17), (38, -4, -4)),
            (2.4, 2.4, 2.0, 1.5, 1.2),
        ),
        _tube(
            template,
            Material.ARTERY,
            (
                (14, -12, -20),
                (2, -26, -17),
                (1.6, -38, -10),
                (1.6, -43, 2),
                (1.6, -41, 15),
                (1.6, -32, 25),
                (1.6, -18, 31),
                (1.6, 0, 33),
            ),
            (1.6, 1.4, 1.1, 1.0, 0.9, 0.8, 0.7, 0.6),
        ),
        _ellipsoid(template, Material.PITUITARY, (0, -12, -31), (5.5, 4.5, 3.2)),
    ]
    return found


def _ellipsoid(
    template: Template,
    material: Material,
    centre: tuple[float, float, float],
    semi: tuple[float, float, float],
) -> Layer:
    box, mesh = template.around(centre, semi)
    return layer(material, box, ellipsoid(mesh, centre, semi), template.field)


def _tube(
    template: Template,
    material: Material,
    points: tuple[tuple[float, float, float], ...],
    radii_mm: tuple[float, ...],
) -> Layer:
    corners, reach = np.array(points), max(radii_mm) + 2
    low, high = corners.min(axis=0) - reach, corners.max(axis=0) + reach
    box, mesh = template.region((-high[0], low[1], low[2]), (high[0], high[1], high[2]))
    return layer(material, box, tube(mesh.folded(), points, radii_mm), template.field)
