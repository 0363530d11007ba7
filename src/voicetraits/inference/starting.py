"""What must be settled before numpy and numba are loaded; imports nothing that loads them."""

import atexit
import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

_COMPILED = Path(__file__).parent.parent / "features" / "__pycache__"
_PLACE = "NUMBA_CACHE_DIR"


def prepare() -> None:
    """Make the same numbers on any machine, a quick start, and a place for compiled code.

    The collector of garbage rests until `ready`.
    """
    gc.disable()  # while modules and models load, which all stay: a tenth of the way to the first answer
    # One thread: the same numbers on any machine, and a core for other work.
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    find_place(_COMPILED, Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "voicetraits" / "compiled")


def ready() -> None:
    """All that stays is loaded."""
    gc.freeze()
    gc.enable()


def find_place(beside: Path, of_user: Path) -> None:
    """See to it that numba can keep what it compiles: it refuses to load code for whose result there is no place.

    Beside the code, where numba itself puts it first; else with the user's caches; else for this process only, which
    then compiles for as long as the first run on a machine (some 20 s).

    Args:
        beside: the folder beside the code.
        of_user: the folder among the user's caches.
    """
    if os.environ.get(_PLACE) or _is_writable(beside):
        return
    if _is_writable(of_user):
        os.environ[_PLACE] = str(of_user)
        return
    own = tempfile.mkdtemp(prefix="voicetraits-")  # nobody else's: what lies in it is run
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    os.environ[_PLACE] = own
    print(
        f"voicetraits: neither {beside} nor {of_user} can be written, so code is compiled anew (some 20 s); let "
        f"{_PLACE} name a folder that keeps it",
        file=sys.stderr,
    )


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True
