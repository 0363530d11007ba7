"""The VoxForge speech corpus (https://www.voxforge.org), or any mirror of it."""

from voicetraits.corpus import ARCHIVE_SUFFIXES
from voicetraits.params import section
from voicetraits.remote import RemoteParams

SUFFIXES = ARCHIVE_SUFFIXES


@section
class Params(RemoteParams):
    """Section `corpora.voxforge` of params.yaml."""
