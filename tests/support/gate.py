"""Runs voicetraits-predict as in a new environment that lacks what is installed here: python gate.py GATE.json …

Says on stderr, last, which modules of the library it loaded, as JSON. GATE.json holds `modules`, those of the
library that are there, and `lacking`, top-level names of what is not.
"""

import json
import sys
from pathlib import Path

GATE = json.loads(Path(sys.argv[1]).read_text())


class Gate:
    """Stands before all other finders."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        top = name.partition(".")[0]
        if top in GATE["lacking"] or (top == "voicetraits" and name not in GATE["modules"]):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Gate())
sys.argv = ["voicetraits-predict", *sys.argv[2:]]

from voicetraits.shipping.installed import main  # noqa: E402 (behind the gate)

try:
    main()
finally:
    print(json.dumps(sorted(name for name in sys.modules if name.partition(".")[0] == "voicetraits")), file=sys.stderr)
