"""Small archives for tests of what moves them around and does not look inside."""

import gzip
import random


def make_archives(count: int, *, size: int = 20_000, seed: int = 0) -> dict[str, bytes]:
    """Names and contents of `count` gzip files of about `size` bytes, the same ones each time."""
    noise = random.Random(seed)
    names = [f"user{number}-2008{number % 12 + 1:02}18-abc.tgz" for number in range(count)]
    return {name: gzip.compress(noise.randbytes(size), mtime=0) for name in names}
