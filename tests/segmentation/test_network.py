import pytest
import torch
import torch.nn.functional as F

from segmentation.model_description import CascadeConfig
from segmentation.network import (
    CONTEXT_SLICES,
    Autoencoder,
    Downsample,
    Fuse,
    MSNet,
    NetworkConfig,
    Reconstruction,
    ResBlock,
    Task,
    Upsample,
    use_half_precision,
)
from segmentation.registry import expected_shapes
from segmentation.training.loss import autoencoder_loss


def network(task: Task, base_channels: int = 4) -> MSNet:
    torch.manual_seed(0)
    return MSNet(NetworkConfig(task, base_channels)).eval()


def test_nine_networks_have_the_parameters_of_the_published_cascade():
    shapes = expected_shapes(CascadeConfig())
    assert len(shapes) == 1080
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == 1_900_008
    assert shapes["wt.ax.block1_1.conv0.weight"] == (32, 4, 1, 3, 3)
    assert shapes["en.cr.pred1.weight"] == (2, 32, 1, 3, 3)
    assert shapes["tc.sg.pred_up3_2.deconv.weight"] == (8, 8, 1, 3, 3)
    assert "en.ax.downsample1.conv.weight" not in shapes


@pytest.mark.parametrize("task", list(Task))
def test_logits_have_the_slices_that_are_not_context(task):
    logits = network(task)(torch.randn(1, 4, 5 + 2 * CONTEXT_SLICES, 12, 16))
    assert logits.shape == (1, 2, 5, 12, 16)


def test_a_slice_of_logits_depends_on_four_slices_either_side_and_no_more():
    fuses = [Fuse(4) for _ in range(4)]
    x = torch.randn(1, 4, 9, 4, 4, requires_grad=True)
    y = x
    for fuse in fuses:
        y = fuse.conv(y)
    y.sum().backward()
    assert y.shape[2] == 1
    assert (x.grad.abs().sum(dim=(0, 1, 3, 4)) > 0).all()


def test_down_sampling_pads_behind_only():
    layer = Downsample(1)
    with torch.no_grad():
        layer.conv.weight.zero_()
        layer.conv.weight[0, 0, 0, 0, 0] = 1.0  # picks the first voxel under the kernel
    x = torch.arange(16.0).reshape(1, 1, 1, 4, 4)
    convolved = layer.conv(F.pad(x, (0, 1, 0, 1)))
    assert convolved.flatten().tolist() == [0.0, 2.0, 8.0, 10.0]
    normalised = (convolved - convolved.mean()) / convolved.std(correction=0)
    assert torch.allclose(layer(x), F.prelu(normalised, layer.act.weight), atol=1e-4)


def test_up_sampling_crops_behind_only():
    layer = Upsample(1, 1)
    with torch.no_grad():
        layer.deconv.weight.zero_()
        layer.deconv.weight[0, 0, 0, 0, 0] = 1.0  # puts each voxel at the first place of its kernel
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 1, 1, 2, 2)
    y = layer(x)
    assert y.shape == (1, 1, 1, 4, 4)
    above_mean = (y[0, 0, 0] > 0).nonzero().tolist()
    assert above_mean == [[0, 0], [0, 2], [2, 0], [2, 2]]


def test_the_widening_shortcut_puts_the_images_in_the_middle_channels():
    block = ResBlock(4, 32, dilation=1)
    with torch.no_grad():
        block.conv1.weight.zero_()
        x = torch.randn(1, 4, 2, 8, 8)
        y = block(x)
    assert torch.equal(y[:, 14:18], x)
    assert not y[:, :14].any()
    assert not y[:, 18:].any()


def test_logits_do_not_depend_on_the_scale_of_the_images():
    net = network(Task.WHOLE_TUMOUR)
    x = torch.randn(1, 4, 12, 16, 16)
    with torch.no_grad():
        # Statistics are the volume's own; only the first shortcut carries the raw images.
        net.block1_1.forward = lambda x: net.block1_1.conv0(net.block1_1.act0(net.block1_1.norm0(x)))
        assert torch.allclose(net(x), net(3 * x + 5), atol=1e-3)


def test_one_volume_is_normalised_by_its_own_statistics():
    fuse = Fuse(4)
    y = fuse.norm(5 + 3 * torch.randn(1, 4, 6, 10, 10))
    assert torch.allclose(y.mean(dim=(0, 2, 3, 4)), torch.zeros(4), atol=1e-5)
    assert torch.allclose(y.std(dim=(0, 2, 3, 4), correction=0), torch.ones(4), atol=1e-4)


def test_training_reaches_every_parameter():
    net = network(Task.WHOLE_TUMOUR).train()
    net(torch.randn(1, 4, 10, 16, 16)).square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


def test_half_precision_keeps_the_normalisation_in_single():
    net = use_half_precision(network(Task.ENHANCING))
    assert net.fuse1.norm.weight.dtype is torch.float32
    assert net.fuse1.conv.weight.dtype is torch.bfloat16
    assert net(torch.randn(1, 4, 10, 8, 8).bfloat16()).dtype is torch.bfloat16


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("shape_dhw", [(9, 16, 20), (19, 32, 24)])
def test_the_autoencoder_gives_back_the_labelled_slices_at_full_size(
    task: Task, shape_dhw: tuple[int, int, int]
) -> None:
    config = NetworkConfig(task, base_channels=8)
    depth, height, width = shape_dhw
    features = MSNet(config).features(torch.randn(2, 4, *shape_dhw))
    made = Autoencoder(config)(features.f3)
    assert made.image.shape == (2, 4, depth - 2 * CONTEXT_SLICES, height, width)
    assert made.mean.shape == made.log_variance.shape == (2, Autoencoder.LATENT)


def test_the_autoencoder_learns_to_reconstruct_and_reaches_the_encoder() -> None:
    torch.manual_seed(0)
    config = NetworkConfig(Task.ENHANCING, base_channels=8)
    network, branch = MSNet(config), Autoencoder(config)
    image = (
        torch.randn(1, 4, 1, 2, 2).repeat_interleave(10, 2).repeat_interleave(8, 3).repeat_interleave(8, 4)
    )
    optimiser = torch.optim.Adam([*network.parameters(), *branch.parameters()], lr=1e-2)
    losses = []
    for _ in range(25):
        made = branch(network.features(image).f3, torch.Generator().manual_seed(1))
        loss = autoencoder_loss(made, image[:, :, 4:-4], torch.ones(1, 2, 16, 16), 0.1, 0.1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
    assert network.block1_1.conv0.weight.grad is not None


def test_the_latent_of_a_standard_normal_costs_nothing() -> None:
    image, zero = torch.ones(1, 4, 2, 4, 4), torch.zeros(1, 128)
    weight = torch.ones(1, 2, 4, 4)
    assert float(autoencoder_loss(Reconstruction(image, zero, zero), image, weight, 0.1, 0.1)) == 0.0
    wide = autoencoder_loss(Reconstruction(image, zero + 1, zero), image, weight, 0.1, 0.1)
    assert float(wide) == pytest.approx(0.1 * 128 / image.numel())
