"""The second method of rigid registration: ANTs, asked where SimpleITK's answer does not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

if TYPE_CHECKING:
    import ants

RANDOM_SEED = 42
MATRIX_TOLERANCE = 1e-4


def register_with_ants(
    fixed: sitk.Image, moving: sitk.Image, fixed_mask: sitk.Image
) -> sitk.Euler3DTransform:
    """The rigid transform from points of the fixed image to points of the moving one (both float32, LPS)."""
    import ants  # heavy to load, and needed for few scans

    near_brain = sitk.BinaryDilate(fixed_mask, [max(1, round(15 / s)) for s in fixed_mask.GetSpacing()])
    fixed_box, moving_ants = _to_ants(fixed), _to_ants(moving)
    found = ants.registration(
        fixed=fixed_box,
        moving=moving_ants,
        type_of_transform="Rigid",
        mask=_to_ants(sitk.Cast(near_brain, sitk.sitkFloat32)),
        random_seed=RANDOM_SEED,
    )
    return _from_ants(ants.read_transform(found["fwdtransforms"][0]))


def _to_ants(image: sitk.Image) -> ants.ANTsImage:
    import ants

    array_xyz = np.ascontiguousarray(sitk.GetArrayFromImage(image).transpose(2, 1, 0))
    return ants.from_numpy(
        array_xyz,
        origin=list(image.GetOrigin()),
        spacing=list(image.GetSpacing()),
        direction=np.reshape(image.GetDirection(), (3, 3)),
    )


def _from_ants(transform: ants.ANTsTransform) -> sitk.Euler3DTransform:
    """ANTs keeps ITK's own parameters: three angles or nine of a matrix, and the offset, about a fixed centre."""
    parameters = [float(v) for v in transform.parameters]
    euler = sitk.Euler3DTransform()
    euler.SetCenter([float(v) for v in transform.fixed_parameters[:3]])
    if len(parameters) == 12:
        euler.SetMatrix(parameters[:9], MATRIX_TOLERANCE)
        euler.SetTranslation(parameters[9:])
    else:
        euler.SetParameters(parameters)
    return euler
