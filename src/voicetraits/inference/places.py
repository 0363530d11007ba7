"""Where files that belong to sounds are written: each in a place of its own, where nothing is lost by it."""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from voicetraits.errors import DataError
from voicetraits.inference.asked import SUFFIXES

#: The option whose place is meant to be a sound.
_OF_SOUND = "--save"


def places_of(out: Path, suffix: str, sounds: Sequence[str]) -> dict[str, Path]:
    """Where to write what belongs to each sound.

    Of one sound that is `out`; of several, or where `out` is a folder, it lies in there and has the sound's name. Where
    two sounds have one name, all lie as they do below their common folder.

    Args:
        suffix: of the names in a folder.
        sounds: paths, or what stands for them.
    """
    if len(sounds) == 1 and not out.is_dir():
        return {sounds[0]: out}
    names = [Path(sound).stem for sound in sounds]
    if len(set(names)) < len(names):
        paths = [Path(os.path.normpath(Path(sound).absolute())) for sound in sounds]
        common = os.path.commonpath([path.parent for path in paths])
        names = [str(path.relative_to(common).with_suffix("")) for path in paths]
    return {sound: out / f"{name}{suffix}" for sound, name in zip(sounds, names, strict=True)}


def require_free(places: Mapping[str, Iterable[Path]], read: Iterable[str]) -> None:
    """Check that all places can be written, before there is anything to write.

    Args:
        places: by option.
        read: paths of what is read.

    Raises:
        DataError: a place is that of a sound or of another place, or lies below one; it exists and is no plain file; or
            its folder is none or cannot be written.
    """
    sounds = {os.path.realpath(path) for path in read}
    taken: set[str] = set()
    can_be_written: set[Path] = set()
    for option, own in places.items():
        for place in own:
            try:
                _require_plain(option, place)
                _require_folder(option, place, can_be_written)
            except OSError as error:
                reason = f"{option}: {place} cannot be written ({error.strerror})"
                raise DataError(f"{reason}; name another place") from None
            real = os.path.realpath(place)
            if real in sounds:
                raise DataError(f"{option}: {place} is one of the sounds; name another place")
            if place.exists() and place.suffix.lower() in SUFFIXES and option != _OF_SOUND:
                raise DataError(f"{option}: {place} is a sound file, which would be lost; name another place")
            if real in taken:
                raise DataError(
                    f"{option}: {place} would be written twice, for two sounds of this name or by two options; name "
                    f"these sounds in calls of their own, or another place"
                )
            taken.add(real)
    if below := next((place for place in taken if any(str(folder) in taken for folder in Path(place).parents)), None):
        raise DataError(f"{below} cannot be written, since its folder would be a file; name another place for either")


def _require_plain(option: str, place: Path) -> None:
    """What is written replaces what stands there; only of a plain file is that meant."""
    if place.is_symlink():
        raise DataError(f"{option}: {place} is a link; name what it leads to, or another file")
    if place.is_dir():
        raise DataError(f"{option}: {place} is a folder; name a file")
    if place.exists() and not place.is_file():
        raise DataError(f"{option}: {place} is no plain file; name a new file, or a plain one to be written over")


def _require_folder(option: str, place: Path, can_be_written: set[Path]) -> None:
    """The nearest folder that exists must take a new file; `can_be_written` keeps those that do."""
    folder = next(folder for folder in place.absolute().parents if os.path.lexists(folder))
    if folder in can_be_written:
        return
    if not folder.is_dir():
        raise DataError(f"{option}: {place} cannot be written, since {folder} is no folder; name another place")
    tempfile.TemporaryFile(dir=folder).close()
    can_be_written.add(folder)
