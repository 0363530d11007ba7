"""Which files count as clips."""

#: How a clip's name ends, in lower case; whether it is wav, FLAC or MP3 is seen from its content.
AUDIO_SUFFIXES = ("wav", "wave", "flac", "mp3", "ogg", "oga", "opus", "m4a", "aac", "aif", "aiff", "au", "sph", "wma")


def is_audio(path: str) -> bool:
    """Whether a path's name ends as that of a clip."""
    stem, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return bool(stem and dot) and suffix.lower() in AUDIO_SUFFIXES
