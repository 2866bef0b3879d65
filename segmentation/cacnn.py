"""Import of the published CA-CNN weights (Wang et al. 2017; University College London, BSD-3-Clause)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError

from segmentation.accuracy import Accuracy, MeasuredDice
from segmentation.errors import BadModelError
from segmentation.interval import IntervalCalibration
from segmentation.model_description import RANK_PUBLISHED, CascadeConfig, ModelDescription, describe_model
from segmentation.registry import check_weights, write_model
from segmentation.trust import TrustCalibration
from segmentation.types import Compartment, ModelIdentity, Phase

NAME = "cacnn17"
STATEMENT = (
    "Published CA-CNN (Wang et al. 2017), trained on pre-operative BraTS 2017; "
    "research use, not a medical device"
)

INTERVAL = IntervalCalibration(
    multipliers={"WT": 1.18, "TC": 0.7, "ET": 0.96, "oedema": 1.02, "nonenhancing_core": 0.7},
    n_cases=22,
    cases="22 pre-operative BraTS patients, each sharp, with noise, in slices of 5 mm and misaligned (simulated from "
    "the sharp one); the weights had seen at least the 14 of BraTS 2017/18 in training; expect the intervals to hold "
    "less often on others",
    coverage={"WT": 0.955, "TC": 0.966, "ET": 0.955, "oedema": 0.943, "nonenhancing_core": 0.966},
)
"""Over 88 runs, each patient's four left out together; docs/intervals.md has coverage and width by kind of image. The
rule that decides whether there is enhancing tumour was set on the same cases."""

TRUST = TrustCalibration(
    intercept=0.435,
    slope=0.509,
    below=0.147,
    above=0.247,
    correlation=0.63,
    n_cases=88,
    cases="the same 22 patients, each sharp, with noise, in slices of 5 mm and misaligned",
)

ACCURACY = Accuracy(
    rows=(
        MeasuredDice(Phase.PREOP, Compartment.WHOLE_TUMOUR, 22, 0.913),
        MeasuredDice(Phase.PREOP, Compartment.TUMOUR_CORE, 22, 0.910),
        MeasuredDice(Phase.PREOP, Compartment.ENHANCING_TUMOUR, 22, 0.882),
    ),
    cases="22 labelled pre-operative BraTS cases, at least 14 of which the weights had seen in training; the rule that "
    "leaves out made-up enhancement was set on them",
)

_CARD = """# cacnn17: CA-CNN as published

Nine 2.5D networks (whole tumour, tumour core, enhancing tumour; axial, sagittal, coronal) of the cascade of
Wang G, Li W, Ourselin S, Vercauteren T, "Automatic brain tumor segmentation using cascaded anisotropic
convolutional neural networks", BrainLes 2017, LNCS 10670. 1,900,008 parameters.

- **Source**: weights `model17` of the authors' repository github.com/taigw/brats17, converted to safetensors
  without change of value. SHA-256 of the imported file: `{checksum}`.
- **Normalisation**: statistics of the running volume. The checkpoints hold no usable running statistics.
- **Background**: seeded noise, so that one input has one result.
- **Measured here** (22 labelled pre-operative BraTS cases, at least 14 of them among the training cases): mean Dice
  0.913 whole tumour, 0.910 core, 0.882 enhancing, the last with the rule that leaves out made-up enhancement, which
  was set on these cases (0.793 without it). The volume intervals are calibrated on the same 22 cases, so on unseen
  cases expect them to hold less often. Trust score: correlation with the true Dice 0.63 over 88 runs.

## What it learned from
- The 285 labelled training cases of BraTS 2017: gliomas of adults, high and low grade, before surgery, from several
  hospitals, each skull-stripped, registered and brought to 1 mm by the organisers; outlines by experts there.
- For core and enhancement the low-grade cases were listed three times.
- No image after surgery, no other disease, no image as the scanner makes it: skull-stripping and registration are done
  here before it sees anything.

## Limits
- After surgery a cavity is often not taken for tumour core.
- Other diseases than glioma were never shown to it.
- Research use, not a medical device.

## Licence of the weights

Copyright (c) 2017-2018, University College London
All rights reserved.

Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
following conditions are met:

* Redistributions of source code must retain the above copyright notice, this list of conditions and the
  following disclaimer.
* Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the
  following disclaimer in the documentation and/or other materials provided with the distribution.
* Neither the name of this software nor the names of its contributors may be used to endorse or promote products
  derived from this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES,
INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY,
WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE
USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
"""


def import_cacnn(source: Path, folder: Path) -> ModelDescription:
    """Turn the published weights, converted to safetensors, into a model folder.

    Raises:
        BadModelError: not a safetensors file, or tensors that are not those of the nine published networks.
    """
    data = _read(source)
    try:
        weights = safetensors.torch.load(data)
    except SafetensorError as error:
        raise BadModelError(f"{source} is not a safetensors file, or is cut short ({error}).") from error
    check_weights(CascadeConfig(), weights, source=str(source))
    checksum = hashlib.sha256(data).hexdigest()
    description = ModelDescription(
        identity=ModelIdentity(NAME, f"model17-{checksum[:8]}", is_demo=False, statement=STATEMENT),
        rank=RANK_PUBLISHED,
        config=CascadeConfig(),
        interval=INTERVAL,
        phases=(Phase.PREOP,),
        trust=TRUST,
        accuracy=ACCURACY,
    )
    write_model(folder, description, weights, _CARD.format(checksum=checksum), torch.float32)
    return describe_model(folder)


def _read(source: Path) -> bytes:
    is_checkpoint = source.is_dir() or ".ckpt" in source.name or Path(f"{source}.index").exists()
    if is_checkpoint and source.suffix != ".safetensors":
        raise BadModelError(
            f"{source} looks like a TensorFlow checkpoint, which needs TensorFlow to read. Convert its nine "
            "checkpoints to one safetensors file with tensors named <task>.<view>.<layer> and import that."
        )
    if not source.is_file():
        raise BadModelError(f"{source} does not exist.")
    return source.read_bytes()
