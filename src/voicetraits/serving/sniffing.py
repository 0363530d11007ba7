"""Tells by its first bytes whether something is a kind of file that is decoded at all, before a worker touches it."""

#: Each kind with what begins it, and what must follow at another place.
_KINDS = (
    ("wav", b"RIFF", (8, b"WAVE")),
    ("wav", b"RIFX", (8, b"WAVE")),
    ("RF64", b"RF64", (8, b"WAVE")),
    ("W64", b"riff\x2e\x91\xcf\x11", None),
    ("FLAC", b"fLaC", None),
    ("Ogg", b"OggS", None),
    ("MP3", b"ID3", None),
    ("AIFF", b"FORM", (8, b"AIF")),
    ("AU", b".snd", None),
    ("AU", b"dns.", None),
    ("CAF", b"caff", None),
    ("SPHERE", b"NIST_1A", None),
    ("VOC", b"Creative Voice File", None),
)
KINDS = tuple(dict.fromkeys(kind for kind, _, _ in _KINDS))
#: The layer bits of an MP3 frame without a tag: MPEG version 1, 2 or 2.5, layer III.
_SYNC, _SYNC_MASK, _VERSION_MASK, _VERSION_RESERVED = 0xE2, 0xE6, 0x18, 0x08


def kind_of(content: bytes) -> str | None:
    """wav, FLAC, Ogg, MP3, AIFF, AU, CAF, RF64, W64, SPHERE or VOC; None for anything else."""
    for kind, begin, inner in _KINDS:
        if content.startswith(begin) and (inner is None or content[inner[0] :].startswith(inner[1])):
            return kind
    return "MP3" if _is_mp3_frame(content) else None


def _is_mp3_frame(content: bytes) -> bool:
    if len(content) < 2 or content[0] != 0xFF:
        return False
    return content[1] & _SYNC_MASK == _SYNC and content[1] & _VERSION_MASK != _VERSION_RESERVED
