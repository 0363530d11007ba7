"""What all benches share: alternating runs, their medians, and on what they ran."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

Item = TypeVar("Item")


def alternating(
    rivals: Mapping[str, Callable[[Item], object]], items: Sequence[Item], *, runs: int
) -> dict[str, list[float]]:
    """Seconds that each rival takes for all items, in each run.

    All take the same item one after the other, so that whatever else the machine does meets all alike. Each is called
    once before, so that nothing is compiled or loaded while the clock runs.
    """
    for call in rivals.values():
        call(items[0])
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(runs):
        total = dict.fromkeys(rivals, 0.0)
        for item in items:
            for name, call in rivals.items():
                start = time.perf_counter()
                call(item)
                total[name] += time.perf_counter() - start
        for name, value in total.items():
            seconds[name].append(value)
    return seconds


def median_ratio(numerator: Sequence[float], denominator: Sequence[float]) -> float:
    """Median over runs of the ratio within a run."""
    return statistics.median(a / b for a, b in zip(numerator, denominator, strict=True))


def machine(distributions: Sequence[str]) -> dict[str, Any]:
    """Processor, cores, system, and the releases of some distributions."""
    cpuinfo = Path("/proc/cpuinfo")
    names = [line for line in cpuinfo.read_text().splitlines() if "model name" in line] if cpuinfo.exists() else []
    return {
        "processor": names[0].partition(": ")[2] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in distributions},
    }
