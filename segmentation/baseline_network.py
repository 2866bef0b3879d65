"""The AR baseline's network: Myronenko's, as MONAI has it.

References:
    Myronenko A. 3D MRI brain tumor segmentation using autoencoder regularization. BrainLes 2018, LNCS 11384.
    Cardoso MJ et al. MONAI: an open-source framework for deep learning in healthcare. arXiv:2211.02701 (SegResNetVAE).

MONAI is an optional extra: only this network needs it. Like the cascade's, its autoencoder is for training alone.
"""

from __future__ import annotations

import importlib.util

from torch import nn

from segmentation.errors import BadModelError
from segmentation.model_description import BaselineConfig

SIDES_MULTIPLE = 16
"""Sides of a training patch: three down-samplings, and one more in the autoencoder."""
LATENT = 128
GROUPS = 8
AUTOENCODER = "vae_"
"""Begins the names of the autoencoder's weights."""


def baseline_network(config: BaselineConfig) -> nn.Module:
    """The network without its autoencoder: (B, 4, Z, Y, X) to the logits of three regions, sides multiples of 8.

    Raises:
        BadModelError: MONAI is not installed.
    """
    _need_monai()
    from monai.networks.nets.segresnet import SegResNet

    return SegResNet(
        init_filters=config.base_channels,
        in_channels=config.in_channels,
        out_channels=config.regions,
        norm=("GROUP", {"num_groups": GROUPS}),
    )


def regularised_network(config: BaselineConfig, dropout: float) -> nn.Module:
    """The same with its autoencoder; in training it gives the logits and the autoencoder's loss.

    Raises:
        BadModelError: MONAI is not installed.
    """
    _need_monai()
    from monai.networks.nets.segresnet import SegResNetVAE

    return SegResNetVAE(
        input_image_size=config.patch_zyx,
        vae_estimate_std=True,
        vae_nz=LATENT,
        init_filters=config.base_channels,
        in_channels=config.in_channels,
        out_channels=config.regions,
        dropout_prob=dropout,
        norm=("GROUP", {"num_groups": GROUPS}),
    )


def _need_monai() -> None:
    if importlib.util.find_spec("monai") is None:
        raise BadModelError(
            "The AR baseline needs MONAI; install it with: pip install -c constraints.txt '.[baselines]'"
        )
