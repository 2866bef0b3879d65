"""`python -m tests.benchmarks.intake`: how well and how fast series become prepared images. Nothing here is asserted.

Accuracy of series roles, errors of registration over seeded motions of 10 degrees and 20 mm, Dice of brain outlines,
and the seconds of each stage of preparation. Machines are shared and noisy: seconds count on an idle one only.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from segmentation.brain_mask import agreement, brain_probability, outline
from segmentation.geometry import centre_mm, onto_grid, to_closest_lps
from segmentation.phantom.anatomy import make_anatomy
from segmentation.phantom.visits import DEMO_SEED, Head, build_head, coil_reach, make_visit, plan_for_visit
from segmentation.prepare import prepare
from segmentation.registration import RigidRegistration, one_thread
from segmentation.rigid_levels import IDENTITY
from tests.benchmarks.roles import role_table
from tests.orthanc.role_table.read_table import known_studies

REPOSITORY = Path(__file__).resolve().parents[2]
NATIVE = REPOSITORY.parent / "shared" / "data" / "native"
TURN_RAD, SHIFT_MM = np.deg2rad(10.0), 20.0
NOISE_PART = 0.03


def drawn_motion(seed: int, about_mm: tuple[float, float, float]) -> sitk.VersorRigid3DTransform:
    """10 degrees about a random axis through a point, and 20 mm in a random direction."""
    rng = np.random.default_rng([seed, 77])
    axis, way = (vector / np.linalg.norm(vector) for vector in rng.normal(size=(2, 3)))
    motion = sitk.VersorRigid3DTransform()
    motion.SetCenter(about_mm)
    motion.SetRotation(axis.tolist(), TURN_RAD)
    motion.SetTranslation((way * SHIFT_MM).tolist())
    return motion


def phantom_head(spacing_mm: float) -> Head:
    """The head of the demo patient before surgery, without noise."""
    anatomy = make_anatomy(DEMO_SEED, spacing_mm, with_head=True)
    plan = plan_for_visit(DEMO_SEED, 1, anatomy.shape.scale_xyz)
    head = build_head(anatomy, plan, DEMO_SEED, fast_t2=False)
    head.grey[:] *= coil_reach(head.field)
    return head


def noisy(image: sitk.Image, seed: int) -> sitk.Image:
    """The image with Gaussian noise of a small part of its brightest voxels."""
    bright = float(np.percentile(sitk.GetArrayViewFromImage(image), 99))
    return sitk.Cast(sitk.AdditiveGaussianNoise(image, NOISE_PART * bright, 0.0, seed), sitk.sitkFloat32)


def registration_table(n_motions: int, spacing_mm: float) -> str:
    """Errors in mm over the brain of the phantom: T2, FLAIR and T1 in turn, each moved by a motion of its own."""
    head = phantom_head(spacing_mm)
    brain = sitk.Cast(head.field.image(head.brain) >= 0.5, sitk.sitkUInt8)
    points_zyx = np.argwhere(sitk.GetArrayViewFromImage(brain) > 0)[::997]
    points = [brain.TransformIndexToPhysicalPoint([int(v) for v in point[::-1]]) for point in points_zyx]
    mean_mm, worst_mm, seconds, sure = [], [], [], 0
    with one_thread():
        registration = RigidRegistration(noisy(head.image("t1ce"), 1), brain)
        for seed in range(n_motions):
            name = ("t2", "flair", "t1")[seed % 3]
            motion = drawn_motion(seed, centre_mm(brain))
            seen = sitk.Resample(head.image(name), brain, motion, sitk.sitkLinear, 0.0, sitk.sitkFloat32)
            began = time.perf_counter()
            fit = registration.fit(noisy(seen, seed + 2), name)
            seconds.append(time.perf_counter() - began)
            sure += fit.sure
            back = [motion.TransformPoint(fit.transform.TransformPoint(point)) for point in points]
            errors_mm = np.linalg.norm(np.subtract(back, points), axis=1)
            mean_mm.append(errors_mm.mean())
            worst_mm.append(errors_mm.max())
    return (
        f"Registration: phantom at {spacing_mm:g} mm, {n_motions} motions of 10 degrees and 20 mm\n"
        f"  mean error {np.mean(mean_mm):.3f} mm, worst point of the worst motion {max(worst_mm):.3f} mm, "
        f"sure of {sure}; {np.median(seconds):.1f} s each (median, one thread)"
    )


def brain_table(spacing_mm: float) -> str:
    """Dice and seconds on CPU: against the phantom, and against HD-BET's full masks where they are."""
    visit = make_visit(DEMO_SEED, 1, spacing_mm=spacing_mm)
    lines = ["Brain outline: HD-BET's first network, CPU (others: docs/preparation.md)"]
    pairs = [("phantom T1CE", visit.scan.t1ce, visit.brain_mask)]
    for case in sorted(NATIVE.glob("*")):
        for name in ("t1ce", "t1"):
            for mask in sorted(case.glob(f"{name}_brain_mask*.nii.gz")):
                image = sitk.ReadImage(str(case / f"{name}.nii.gz"))
                pairs.append((f"{case.name} {name}", image, sitk.ReadImage(str(mask))))
    for name, image, truth in pairs:
        began = time.perf_counter()
        found = outline(brain_probability(to_closest_lps(sitk.Cast(image, sitk.sitkFloat32))))
        seconds = time.perf_counter() - began
        there = onto_grid(found, truth, IDENTITY, sitk.sitkNearestNeighbor)
        lines.append(f"  {name:<24} Dice {agreement(there, truth):.3f}  {seconds:5.1f} s")
    return "\n".join(lines)


def stage_table(spacing_mm: float) -> str:
    """Seconds per stage of preparing the phantom's four series."""
    prepared = prepare(make_visit(DEMO_SEED, 1, spacing_mm=spacing_mm).scan)
    rows = [f"  {name:<14} {seconds:6.1f}" for name, seconds in prepared.seconds.items()]
    total = f"  {'in all':<14} {sum(prepared.seconds.values()):6.1f}"
    return "\n".join([f"Preparation of four series at {spacing_mm:g} mm, seconds per stage", *rows, total])


def main() -> int:
    """Print the four tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.intake")
    parser.add_argument("--motions", type=int, default=50)
    parser.add_argument("--spacing-mm", type=float, default=1.0, help="of the phantom (default 1)")
    options = parser.parse_args()
    print(role_table(known_studies()), flush=True)
    print(registration_table(options.motions, options.spacing_mm), flush=True)
    print(brain_table(options.spacing_mm), flush=True)
    print(stage_table(options.spacing_mm))
    return 0


if __name__ == "__main__":
    sys.exit(main())
