"""How much faster the file for inference is, and runtimes that are given it, than eager PyTorch.

`python benchmarks/deploy.py [SPEC]` times one network at its own input size on the CPU, for batches
of 1 and 4: the emitted training file in evaluation, as it is and channels-last, the file for
inference the same two ways, and its ONNX in ONNX Runtime and in OpenVINO, all in float32. Each has
a process of its own, as the threads of one runtime wait actively and would slow the next one down.
They take turns, so that what else the machine does falls on all of them; in each turn the first
pass does not count. The median of all passes does. Beside it stands the largest difference of a
logit from that of the training file in float64, as a share of the largest. Prints Markdown.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import Tensor, nn

import archcompiler
from archcompiler.runner.export.onnx_model import INPUT, OPSET, onnx_bytes
from archcompiler.verify.inference import apart, randomise

Predict = Callable[[Tensor], Any]
PASSES = 3
"""Of each turn, that count."""


def networks(network: archcompiler.CompiledNetwork) -> tuple[nn.Module, nn.Module]:
    """The training file with random statistics, and the file for inference with its weights."""
    torch.manual_seed(0)
    trained = network.module().eval()
    randomise(trained, torch.randn(2, *network.spec.input))
    deployed: Any = network.deployed.module().eval()
    deployed.load_trained(trained.state_dict())
    return trained, deployed


def eager(trained: nn.Module, deployed: nn.Module) -> Predict:
    return trained


def eager_last(trained: nn.Module, deployed: nn.Module) -> Predict:
    model = trained.to(memory_format=torch.channels_last)
    return lambda images: model(images.contiguous(memory_format=torch.channels_last))


def file(trained: nn.Module, deployed: nn.Module) -> Predict:
    return deployed


def file_last(trained: nn.Module, deployed: nn.Module) -> Predict:
    return eager_last(deployed, deployed)


def onnx_runtime(trained: nn.Module, deployed: nn.Module) -> Predict:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    data = onnx_bytes(deployed, SHAPE, {})
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {INPUT: images.numpy()})[0]


def open_vino(trained: nn.Module, deployed: nn.Module) -> Predict:
    import openvino

    # By itself it takes bfloat16 where the CPU has that.
    wanted = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    wanted["INFERENCE_NUM_THREADS"] = str(torch.get_num_threads())
    core = openvino.Core()
    model = core.read_model(io.BytesIO(onnx_bytes(deployed, SHAPE, {})))
    compiled = core.compile_model(model, "CPU", wanted)
    return lambda images: compiled({INPUT: images.numpy()})[0]


CANDIDATES = {
    "eager": eager,
    "eager, channels-last": eager_last,
    "inference file": file,
    "inference file, channels-last": file_last,
    "ONNX Runtime": onnx_runtime,
    "OpenVINO": open_vino,
}
SHAPE = (3, 224, 224)


def serve(name: str, spec: str, threads: int, connection: Connection) -> None:
    """Answer batches with the seconds of each pass, and with how far the logits are off."""
    global SHAPE
    torch.set_num_threads(threads)
    network = archcompiler.compile(spec)
    SHAPE = network.spec.input
    trained, deployed = networks(network)
    with torch.inference_mode():
        exact = {b: trained.double()(images(b).double()) for b in (1, 4)}
        predict = CANDIDATES[name](trained.float(), deployed)
        connection.send(None)
        while (batch := connection.recv()) is not None:
            x = images(batch)
            seconds = []
            for _ in range(PASSES + 1):
                start = time.perf_counter()
                found = predict(x)
                seconds.append(time.perf_counter() - start)
            error = apart(exact[batch], torch.as_tensor(found).double())
            connection.send((seconds[1:], error))


def images(batch: int) -> Tensor:
    return torch.randn(batch, *SHAPE, generator=torch.Generator().manual_seed(1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spec", nargs="?", default="attention56")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    lines: dict[str, Connection] = {}
    for name in CANDIDATES:
        lines[name], other = spawn.Pipe()
        given = (name, arguments.spec, arguments.threads, other)
        spawn.Process(target=serve, args=given, daemon=True).start()
        lines[name].recv()
    print(f"{arguments.spec}, {arguments.threads} threads, torch {torch.__version__}, ", end="")
    print(f"{platform.machine()}, ONNX opset {OPSET}, {arguments.rounds} rounds")
    for batch in (1, 4):
        report(batch, lines, arguments.rounds)
    for line in lines.values():
        line.send(None)


def report(batch: int, lines: dict[str, Connection], rounds: int) -> None:
    """Time every candidate in turns, and print a table."""
    times: dict[str, list[float]] = {name: [] for name in lines}
    errors = {}
    for _ in range(rounds):
        for name, line in lines.items():
            line.send(batch)
            seconds, errors[name] = line.recv()
            times[name] += seconds
    median = {name: statistics.median(each) for name, each in times.items()}
    print(f"\n| batch {batch} | ms | fastest | times eager | error |")
    print("| :-- | --: | --: | --: | --: |")
    for name, each in times.items():
        ratio = median["eager"] / median[name]
        numbers = f"{1e3 * median[name]:.0f} | {1e3 * min(each):.0f} | {ratio:.2f}"
        print(f"| {name} | {numbers} | {errors[name]:.1e} |", flush=True)


if __name__ == "__main__":
    main()
