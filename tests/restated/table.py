"""Every re-stated network with its input and its counts, and where the counts are public."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from restated import attention_keras, attention_ports, attention_resnets, gates, mobile
from restated.convnext import convnext_tiny
from restated.densenet import densenet121
from restated.ghostnet import GhostNet
from restated.preact import preact110, wrn28_10
from restated.regnet import regnetx_400mf
from restated.repvgg import repvgg_a0
from restated.res2net import res2net50
from restated.resnet import resnet18, resnet34, resnet50, resnet50d, resnext29_8x64d
from restated.shufflenet import shufflenet_v2
from restated.vgg import vgg16_bn

IMAGENET = (3, 224, 224)
CIFAR = (3, 32, 32)
IMGCLSMOB = "asserted by osmr/imgclsmob"
TORCHVISION = "`num_params` and `_ops` of torchvision's weights"


@dataclass(frozen=True)
class Restated:
    """A network, its input, and its counts of parameters and multiply-accumulates at batch 1.

    `published` is the MACs in units of 10⁹ where a source gives them rounded. No MACs: not public.
    """

    make: Callable[[], nn.Module]
    input: tuple[int, ...]
    parameters: int
    macs: int | None
    source: str
    published: str = ""


PORTS = {
    f"gluon{layers}": Restated(
        partial(attention_ports.gluon, layers), IMAGENET, parameters, macs, IMGCLSMOB
    )
    for layers, parameters, macs in (
        (56, 31_810_728, 6_270_836_736),
        (92, 52_466_344, 10_533_789_696),
        (128, 65_294_504, None),
        (164, 78_122_664, None),
        (200, 90_950_824, None),
        (236, 103_778_984, None),
        (452, 182_285_224, 44_386_131_968),
    )
}
PORTS |= {
    f"gluon{layers}_cifar": Restated(
        partial(attention_ports.gluon_cifar, layers), CIFAR, parameters, macs, "the code, counted"
    )
    for layers, parameters, macs in (
        (56, 7_202_794, 694_396_928),
        (92, 12_170_730, 1_089_185_792),
        (452, 41_647_722, 4_268_206_080),
    )
}
PORTS |= {
    f"tengshaofeng{name.replace('input', '')}": Restated(
        partial(attention_ports.tengshaofeng, name),
        (3, size, size),
        parameters,
        macs,
        "the code, counted: what it calls",
    )
    for name, size, parameters, macs in (
        ("56", 224, 29_782_218, 6_268_809_216),
        ("92", 224, 50_437_834, 10_531_762_176),
        ("448input", 448, 50_782_410, 12_823_701_504),
        ("92_32input", 32, 12_172_266, 274_540_544),
        ("92_32input_update", 32, 12_170_730, 1_089_185_792),
    )
}
PORTS |= {
    "qubvel92": Restated(
        partial(attention_keras.attention, 92),
        IMAGENET,
        83_474_148,
        16_742_531_072,
        "the code, counted; 100 classes",
    ),
    "qubvel_cifar": Restated(
        attention_keras.attention_cifar, CIFAR, 33_027_210, 615_852_032, "the code, counted"
    ),
}

BACKBONES = {
    "resnet18": Restated(resnet18, IMAGENET, 11_689_512, 1_814_073_344, TORCHVISION, "1.814"),
    "resnet34": Restated(resnet34, IMAGENET, 21_797_672, 3_663_761_408, TORCHVISION, "3.664"),
    "resnet50": Restated(resnet50, IMAGENET, 25_557_032, 4_089_184_256, TORCHVISION, "4.089"),
    "resnet50d": Restated(
        resnet50d, IMAGENET, 25_576_264, 4_328_824_832, "timm; the paper's table of MACs", "4.3"
    ),
    "wrn28_10": Restated(wrn28_10, CIFAR, 36_479_194, 5_243_328_768, IMGCLSMOB),
    "preact110": Restated(preact110, CIFAR, 1_730_522, 253_149_824, IMGCLSMOB),
    "resnext29_8x64d": Restated(
        resnext29_8x64d, CIFAR, 34_426_698, 5_387_266_048, "the paper's 34.4 M, to the unit"
    ),
    "mobilenet_v2": Restated(
        mobile.mobilenet_v2, IMAGENET, 3_504_872, 300_774_272, TORCHVISION, "0.301"
    ),
    "efficientnet_b0": Restated(
        mobile.efficientnet_b0, IMAGENET, 5_288_548, 385_814_752, TORCHVISION, "0.386"
    ),
    "vgg16_bn": Restated(vgg16_bn, IMAGENET, 138_365_992, 15_470_264_320, TORCHVISION, "15.47"),
    "densenet121": Restated(densenet121, IMAGENET, 7_978_856, 2_834_161_664, TORCHVISION, "2.834"),
    "convnext_tiny": Restated(
        convnext_tiny, IMAGENET, 28_589_128, 4_455_531_264, TORCHVISION, "4.456"
    ),
    "shufflenet_v2": Restated(
        shufflenet_v2, IMAGENET, 2_278_604, 144_907_992, TORCHVISION, "0.145"
    ),
    "ghostnet": Restated(
        GhostNet,
        IMAGENET,
        5_182_508,
        141_150_512,
        "the paper's 5.2 M and 141 M",
        "0.141",
    ),
    "res2net50": Restated(
        res2net50, IMAGENET, 25_699_120, 4_255_166_464, "the paper's 25.70 M, to the unit"
    ),
    "repvgg_a0": Restated(
        repvgg_a0,
        IMAGENET,
        9_108_968,
        1_512_581_120,
        "timm's 9.11 M in training, to the unit",
    ),
    "regnetx_400mf": Restated(regnetx_400mf, IMAGENET, 5_157_512, 397_677_568, IMGCLSMOB),
    "regnetx_400mf_wide": Restated(
        partial(regnetx_400mf, 400), IMAGENET, 5_495_976, 413_812_608, TORCHVISION, "0.414"
    ),
}

ATTENTION_KINDS = {
    "se_resnet50": Restated(
        attention_resnets.se_resnet50, IMAGENET, 28_088_024, 4_091_699_200, IMGCLSMOB
    ),
    "eca_resnet50": Restated(
        attention_resnets.eca_resnet50,
        IMAGENET,
        25_557_112,
        4_089_270_528,
        "the paper: 80 parameters more than ResNet-50",
    ),
    "cbam_resnet50": Restated(
        attention_resnets.cbam_resnet50, IMAGENET, 28_089_624, 4_095_573_110, IMGCLSMOB
    ),
    "bam_resnet50": Restated(
        attention_resnets.bam_resnet50, IMAGENET, 25_915_099, 4_171_331_328, IMGCLSMOB
    ),
    "gc_resnet50": Restated(
        attention_resnets.gc_resnet50,
        IMAGENET,
        28_105_032,
        4_097_218_560,
        "2·c²/16 + 2·c + 3·c/16 + 1 more in each unit of c channels, after the authors' code",
    ),
    "coordinate_resnet50": Restated(
        attention_resnets.coordinate_resnet50,
        IMAGENET,
        27_474_864,
        4_116_250_624,
        "3·w·c + 3·w + 2·c more in each unit, w = max(8, c/32), after the authors' code",
    ),
    "coordinate_mobilenet_v2": Restated(
        partial(mobile.mobilenet_v2, gates.Coordinate),
        IMAGENET,
        3_950_648,
        306_666_368,
        "the paper's 3.95 M",
    ),
    "nonlocal_resnet50": Restated(
        attention_resnets.nonlocal_resnet50,
        IMAGENET,
        32_915_496,
        6_891_814_912,
        "2·c² + 4.5·c more in each of five blocks, after the paper",
    ),
}

ALL = PORTS | BACKBONES | ATTENTION_KINDS
