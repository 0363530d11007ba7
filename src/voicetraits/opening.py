"""Opens the corpus that params.yaml names."""

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from voicetraits import corpora
from voicetraits.bundles import Bundle, BundleParams
from voicetraits.corpus import Corpus
from voicetraits.errors import ParameterError
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
    return module.Corpus(section)
