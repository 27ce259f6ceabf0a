"""How much faster the file for inference is, and runtimes that are given it, than eager PyTorch.

On the CPU, at their own size, Attention-56 for batches of 1 and 4, and RepVGG-A0, whose units are
one convolution each in inference: the emitted training file in evaluation, in the plain order of
memory and as it comes, with its channels last; the file for inference; and its ONNX in ONNX Runtime
and in OpenVINO, in float32; and in OpenVINO as that sets itself, which is in bfloat16 where the
processor has it. In each turn the first pass does not count: threads of the runtime before it wait
actively, and slow it down by three to ten. The largest difference of a logit from that of the
training file in float64 may be 1e-5 of the largest, and 5 % where the runtime chooses.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.timing import Comparison, Course, Measure, compared, in_turns, seconds

if TYPE_CHECKING:
    from torch import Tensor, nn

    import archcompiler

Predict = Callable[["Tensor"], Any]
CLOSE, CHOSEN = 1e-5, 0.05
"""Of the largest logit, in float32 and in the precision that a runtime chooses."""
CASES = (("attention56", (1, 4)), ("repvgg_a0", (1,)))
QUICK = (("attention56_cifar", (1,)), ("repvgg_a0", (1,)))
"""Networks, and the images that they get at a time."""
AIM = ("attention56", 1)
"""What the goal is about."""


def measure(course: Course) -> Iterator[Comparison]:
    """Times of a pass over those of the training file in the plain order."""
    import torch

    import archcompiler
    from archcompiler.verify.inference import apart

    threads = torch.get_num_threads()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    try:
        with torch.inference_mode():
            for spec, batches in QUICK if course.quick else CASES:
                network = archcompiler.compile(spec)
                made = {name: make(network) for name, make in CANDIDATES.items()}
                trained, _ = networks(network)
                exactly = trained.double()
                for batch in batches:
                    torch.manual_seed(1)
                    x = torch.randn(batch, *network.spec.input)
                    exact = exactly(x.double())
                    for name, predict in made.items():
                        error = apart(exact, torch.as_tensor(predict(x)).double())
                        if error > (CHOSEN if name == BY_ITSELF else CLOSE):
                            raise SystemExit(f"{spec}, {name}: logits are {error:.1e} apart")
                    runs: dict[str, Measure] = {n: partial(second, p, x) for n, p in made.items()}
                    taken = in_turns(runs, course.rounds)
                    for name in list(made)[1:]:
                        what = f"{spec}, {batch} image{'s' * (batch > 1)}, {name}"
                        goal = 1 / 3.5 if name == BY_ITSELF and (spec, batch) == AIM else None
                        yield compared(what, taken[name], PLAIN, taken[PLAIN], goal=goal)
    finally:
        torch.set_num_threads(threads)


def second(predict: Predict, images: Tensor) -> float:
    """Seconds of the second of two passes."""
    predict(images)
    return seconds(lambda: predict(images))


def networks(
    network: archcompiler.CompiledNetwork, **overrides: Any
) -> tuple[nn.Module, nn.Module]:
    """The training file with random statistics, and the file for inference with its weights."""
    import torch

    from archcompiler.verify.inference import randomise

    torch.manual_seed(0)
    trained = network.module(**overrides).eval()
    randomise(trained, torch.randn(2, *network.spec.input))
    deployed: Any = network.deployed.module().eval()
    deployed.load_trained(trained.state_dict())
    return trained, deployed


def plain(network: archcompiler.CompiledNetwork) -> Predict:

    trained, _ = networks(network, channels_last=False)
    return trained


def training_file(network: archcompiler.CompiledNetwork) -> Predict:
    import torch

    trained, _ = networks(network)
    return trained.to(memory_format=torch.channels_last)


def inference_file(network: archcompiler.CompiledNetwork) -> Predict:
    import torch

    _, deployed = networks(network)
    return deployed.to(memory_format=torch.channels_last)


def onnx(network: archcompiler.CompiledNetwork) -> bytes:
    from archcompiler.runner.export.onnx_model import onnx_bytes

    _, deployed = networks(network)
    return onnx_bytes(deployed, network.spec.input, {})


def onnx_runtime(network: archcompiler.CompiledNetwork) -> Predict:
    import onnxruntime
    import torch

    from archcompiler.runner.export.onnx_model import INPUT

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(
        onnx(network), options, providers=["CPUExecutionProvider"]
    )
    return lambda images: session.run(None, {INPUT: images.numpy()})[0]


def open_vino(network: archcompiler.CompiledNetwork, **wanted: str) -> Predict:
    import openvino
    import torch

    from archcompiler.runner.export.onnx_model import INPUT

    wanted |= {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": str(torch.get_num_threads()),
    }
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(io.BytesIO(onnx(network))), "CPU", wanted)
    return lambda images: compiled({INPUT: images.numpy()})[0]


BY_ITSELF = "OpenVINO in the precision that it chooses"
PLAIN = "the training file, plain order"
CANDIDATES: dict[str, Callable[[archcompiler.CompiledNetwork], Predict]] = {
    PLAIN: plain,
    "the training file": training_file,
    "the inference file": inference_file,
    "ONNX Runtime": onnx_runtime,
    "OpenVINO": partial(open_vino, INFERENCE_PRECISION_HINT="f32"),
    BY_ITSELF: open_vino,
}
