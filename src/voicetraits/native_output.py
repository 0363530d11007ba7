"""Keeps what C++ libraries write straight to the terminal from burying what a person must see."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_back() -> Iterator[None]:
    """Hold back stdout and stderr of the whole process; show them only if the block fails.

    TensorFlow and Yggdrasil log start-up notes and training progress to the file descriptors themselves, past every
    Python logger, and their log levels do not silence all of it.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 1)
        os.dup2(held.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in enumerate(kept, start=1):
                os.dup2(original, descriptor)
                os.close(original)
            if failed:
                held.seek(0)
                sys.stderr.buffer.write(held.read())
                sys.stderr.flush()
