"""The VoxForge speech corpus (https://www.voxforge.org), or any mirror of it."""

from voicetraits.params import section
from voicetraits.remote import RemoteParams

#: How an archive's name ends.
SUFFIXES = (".tgz", ".tar.gz")


@section
class Params(RemoteParams):
    """Section `corpora.voxforge` of params.yaml."""
