"""Runs a stage script and writes to a file which modules of the library it had loaded when it ended.

python loaded_modules.py <out.txt> src/<stage>.py [arguments]
"""

import runpy
import sys
from pathlib import Path

out, script, *arguments = sys.argv[1:]
sys.argv = [script, *arguments]
sys.path[0] = str(Path(script).resolve().parent)
runpy.run_path(script, run_name="__main__")
files = {
    Path(module.__file__).resolve()
    for name, module in sys.modules.items()
    if name.startswith("voicetraits") and getattr(module, "__file__", None)
}
root = Path(script).resolve().parent.parent
Path(out).write_text("\n".join(sorted(f.relative_to(root).as_posix() for f in files if f.stat().st_size)))
