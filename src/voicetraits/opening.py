"""Opens the corpus that params.yaml names."""

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from voicetraits import corpora
from voicetraits.bundles import Bundle, BundleParams
from voicetraits.corpus import Corpus
from voicetraits.errors import ParameterError
from voicetraits.mixed_names import MIX
from voicetraits.mixing import Mix, MixParams
from voicetraits.params import get
from voicetraits.remote import Remote, RemoteParams
from voicetraits.repacking import Repacked, RepackParams
from voicetraits.store import Store


def open_corpus(params: Mapping[str, Any], store: Store) -> Corpus:
    """The corpus that `corpus` in params.yaml names, which is a file in voicetraits/corpora/.

    Args:
        store: keeps what has to be fetched before the corpus can be listed.

    Raises:
        ParameterError: there is no such corpus, or its section is wrong.
        DataError: its address is none.
    """
    name = get(params, "corpus", str)
    require_known(name, "corpus")
    return open_section(params, name, key=f"corpora.{name}", store=store)


def require_known(name: str, key: str) -> None:
    """Check that there is a corpus of this name. Raises ParameterError, naming `key`."""
    known = sorted(module.name for module in pkgutil.iter_modules(corpora.__path__))
    if name not in known:
        raise ParameterError(f"params.yaml: `{key}` is {name!r}; allowed: {', '.join(known)}")


def open_section(params: Mapping[str, Any], name: str, *, key: str, store: Store) -> Corpus:
    """The corpus `name` with the settings that stand at `key` of params."""
    module = import_module(f"voicetraits.corpora.{name}")
    section = get(params, key, module.Params)
    if isinstance(section, RemoteParams):
        return Remote(section, key=key, suffixes=module.SUFFIXES)
    if isinstance(section, RepackParams):
        where = {"bundle": Bundle(section, key=key)} if isinstance(section, BundleParams) else {"key": key}
        return Repacked(module.Layout(section, **where), section, name=name, key=key, store=store)
    if isinstance(section, MixParams):
        return Mix(section, _open_parts(section, key, store))
    return module.Corpus(section)


#: What a corpus that is part of a mix need not say: the mix says it, or it takes everything.
_OF_MIX = {"limit": None, "sources": {}, "max_failed_share": 1.0}


def _open_parts(mix: MixParams, key: str, store: Store) -> dict[str, Corpus]:
    """The corpora of a mix by name, each opened with the settings that stand there."""
    parts: dict[str, Corpus] = {}
    for number, settings in enumerate(mix.of):
        own_key = f"{key}.of.{number}"
        name = get(_nested(own_key, settings), f"{own_key}.corpus", str)
        require_known(name, f"{own_key}.corpus")
        if name == MIX or name in parts:
            raise ParameterError(f"params.yaml: `{own_key}.corpus` is {name!r}; allowed: each corpus once, no mix")
        for setting in ("sources", "max_failed_share"):
            if setting in settings:
                raise ParameterError(f"params.yaml: `{own_key}.{setting}` is set; allowed: `{key}.{setting}`, for all")
        known = import_module(f"voicetraits.corpora.{name}").Params.__dataclass_fields__
        own = {setting: value for setting, value in _OF_MIX.items() if setting in known} | settings
        del own["corpus"]
        parts[name] = open_section(_nested(own_key, own), name, key=own_key, store=store)
    return parts


def _nested(key: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Params in which the settings stand at a dotted key, so that messages name it."""
    tree: Any = settings
    for name in reversed(key.split(".")):
        tree = {name: tree}
    return tree
