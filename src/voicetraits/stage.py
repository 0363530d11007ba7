"""How every script in src/ starts and ends: a failure that its reader can mend is one line, never a traceback."""

import errno
import os
import re
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from voicetraits.errors import VoicetraitsError

_RIGHTS = "let yourself read and write it and enter its folders (`ls -ld` shows who may)"
#: What to do about a path.
_ADVICE = {
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: _RIGHTS,
    errno.ENOTDIR: "a part of this path is a file where a folder must be; move it away, or name another path",
    errno.EISDIR: "a folder is where a file must be; move it away, or name another path",
}


def run(main: Callable[[], None]) -> None:
    """Call `main` and leave the process with 0, 1 (one line on stderr) or 130 (interrupted)."""
    name = Path(sys.argv[0]).stem
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: `finally` blocks run
    try:
        main()
    except VoicetraitsError as error:
        sys.exit(f"{name}: {error}")
    except KeyboardInterrupt:
        print(f"{name}: interrupted; run the same command again, it goes on where it stopped", file=sys.stderr)
        # Worker processes and threads may still hold the interpreter; what is finished is already in the store.
        os._exit(130)
    except FileNotFoundError as error:
        # pyarrow gives the path as the message.
        sys.exit(f"{name}: {error.filename or error} is missing; `dvc repro` makes what stages write")
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():  # as where `| head` has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to flush at exit
            sys.exit(1)
        path = _path_of(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            sys.exit(
                f"{name}: the disk is full (while writing {path or Path.cwd()}); free some space, for example with "
                f"`make clean` or `dvc gc --workspace`, and run the same command again: what is finished is kept"
            )
        if path and error.errno in _ADVICE:
            reason, advice = os.strerror(error.errno), _ADVICE[error.errno]
            sys.exit(f"{name}: {path}: {reason}; {advice}, and run the same command again")
        raise


def _path_of(error: OSError) -> str | None:
    """What an error is about; of two paths, as in copying, the second, which is written to."""
    in_text = re.search(r"'(.+?)'", str(error))  # where pyarrow has it
    return error.filename2 or error.filename or (in_text and in_text[1])


def _nobody_reads() -> bool:
    """Whether stdout is a pipe without a reader."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))
