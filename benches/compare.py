"""Measures the workloads of benches/steps.rs here and in PyTorch, in turns, and prints a table. Run benches/compare.

The time of either side is its best of all rounds, thread counts and modes: on a busy machine what is slower tells of
other programs. A step is forward, loss, backward and update on a batch that is in memory.
"""

import json
import subprocess
import sys
import time
import warnings

import torch
from torch import nn
from torch.nn import functional as F

ROUNDS = 4
SECONDS = 0.8
# PyTorch's time over ours that is to be reached.
TARGETS = {"playground": 100, "mnist_mlp": 3.5, "wide_mlp": 1.25, "lenet": 2.5, "resnet8": 1.8}


def perceptron(widths, activation):
    layers = []
    for fan_in, fan_out in zip(widths, widths[1:]):
        layers += [nn.Linear(fan_in, fan_out), activation()]
    return layers[:-1]


def convolution(fan_in, fan_out, kernel, stride):
    conv = nn.Conv2d(fan_in, fan_out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(fan_out))


class Residual(nn.Module):
    def __init__(self, fan_in, fan_out, stride):
        super().__init__()
        self.first = convolution(fan_in, fan_out, 3, stride)
        self.second = convolution(fan_out, fan_out, 3, 1)
        self.around = nn.Identity() if stride == 1 else convolution(fan_in, fan_out, 1, stride)

    def forward(self, x):
        return F.relu(self.second(F.relu(self.first(x))) + self.around(x))


def network(name):
    """The network, a batch with its targets, the loss, and the optimiser."""
    classes = lambda n: torch.randint(0, 10, (n,))
    if name == "playground":
        net, x = nn.Sequential(*perceptron([2, 8, 8, 1], nn.Tanh)), torch.randn(10, 2)
        y = torch.randint(0, 2, (10, 1)).float()
        return net, x, y, F.binary_cross_entropy_with_logits, torch.optim.SGD(net.parameters(), lr=0.03)
    if name == "mnist_mlp":
        net = nn.Sequential(*perceptron([784, 128, 64, 10], nn.ReLU))
        return net, torch.randn(64, 784), classes(64), F.cross_entropy, torch.optim.Adam(net.parameters(), lr=1e-3)
    if name == "wide_mlp":
        net = nn.Sequential(*perceptron([784, 1024, 1024, 10], nn.ReLU))
        rule = torch.optim.SGD(net.parameters(), lr=1e-2, momentum=0.9)
        return net, torch.randn(256, 784), classes(256), F.cross_entropy, rule
    if name == "lenet":
        pooled = lambda conv: [conv, nn.ReLU(), nn.MaxPool2d(2)]
        layers = pooled(nn.Conv2d(1, 6, 5, padding=2)) + pooled(nn.Conv2d(6, 16, 5)) + [nn.Flatten()]
        net = nn.Sequential(*layers, *perceptron([400, 120, 84, 10], nn.ReLU))
        return net, torch.randn(64, 1, 28, 28), classes(64), F.cross_entropy, torch.optim.Adam(net.parameters(), lr=1e-3)
    if name == "resnet8":
        blocks = [Residual(16, 16, 1), Residual(16, 32, 2), Residual(32, 64, 2)]
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
        net = nn.Sequential(convolution(3, 16, 3, 1), nn.ReLU(), *blocks, *head)
        rule = torch.optim.SGD(net.parameters(), lr=1e-2, momentum=0.9)
        return net, torch.randn(32, 3, 32, 32), classes(32), F.cross_entropy, rule
    raise SystemExit(f"compare: there is no workload {name}; there are {', '.join(TARGETS)}")


def stepper(name, compiled):
    """A function that does one step."""
    torch.manual_seed(0)
    net, x, y, loss, rule = network(name)
    run = torch.compile(net) if compiled else net

    def step():
        rule.zero_grad()
        loss(run(x), y).backward()
        rule.step()

    return step


def variants(name, threads):
    """(threads, mode) and a function that does one step, warmed up."""
    for n in threads:
        for mode in ("eager", "compile"):
            torch.set_num_threads(n)
            step = stepper(name, mode == "compile")
            try:
                for _ in range(10):
                    step()
            except Exception as fault:  # a machine without a C++ compiler
                print(f"compare: torch.compile does not work here: {str(fault).splitlines()[0]}", file=sys.stderr)
                continue
            yield (n, mode), step


def best(step, seconds):
    """The shortest time of a step, in microseconds."""
    at = time.perf_counter()
    step()
    several = max(1, int(2e-3 / (time.perf_counter() - at)))
    shortest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        at = time.perf_counter()
        for _ in range(several):
            step()
        shortest = min(shortest, (time.perf_counter() - at) / several)
    return shortest * 1e6


def ours(binary, name):
    """The best time in microseconds, and its number of threads."""
    lines = subprocess.run([binary, "--seconds", str(SECONDS), name], check=True, capture_output=True, text=True)
    found = [line.split() for line in lines.stdout.splitlines()]
    return min((float(words[words.index("best") + 1]), int(words[words.index("threads") + 1])) for words in found)


def profile(binary, name, threads):
    """Prints where the time of a step goes."""
    lines = subprocess.run([binary, "--profile", "--seconds", "1", name], check=True, capture_output=True, text=True)
    part = lines.stdout.split(f"threads {threads}\n", 1)[-1].split("threads ", 1)[0]
    print("\n".join(f"    {line}" for line in part.splitlines()[:9]), flush=True)


def main():
    warnings.filterwarnings("ignore")
    names = sys.argv[1:] or list(TARGETS)
    for name in names:
        network(name)
    build = ["cargo", "bench", "--quiet", "--bench", "steps", "--no-run", "--message-format=json"]
    messages = subprocess.run(build, stdout=subprocess.PIPE, text=True)
    if messages.returncode != 0:
        raise SystemExit("compare: the benchmark does not build")
    parsed = [json.loads(line) for line in messages.stdout.splitlines()]
    binary = next(m["executable"] for m in parsed if m.get("executable") and m["target"]["name"] == "steps")
    threads = sorted({1, torch.get_num_threads()})
    print(f"PyTorch {torch.__version__}, threads {threads}, best of {ROUNDS} rounds in turns")
    print(f"{'workload':12} {'ours µs':>10} {'PyTorch µs':>11} {'its best':>12} {'ratio':>7} {'target':>7}")
    for name in names:
        peers = list(variants(name, threads))
        mine, theirs = (float("inf"), 0), (float("inf"), "")
        for _ in range(ROUNDS):
            mine = min(mine, ours(binary, name))
            for (n, mode), step in peers:
                torch.set_num_threads(n)
                theirs = min(theirs, (best(step, SECONDS), f"{mode} {n}"))
        ratio = theirs[0] / mine[0]
        mark = "" if ratio >= TARGETS[name] else "  missed"
        row = f"{name:12} {mine[0]:10.1f} {theirs[0]:11.1f} {theirs[1]:>12} {ratio:6.2f}× {TARGETS[name]:6}×{mark}"
        print(row, flush=True)
        if mark:
            profile(binary, name, mine[1])
        torch._dynamo.reset()


main()
