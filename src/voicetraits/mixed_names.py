"""How the archives of several corpora are told apart where they are used as one."""

#: The corpus that is several.
MIX = "mix"


def joined(corpus: str, name: str) -> str:
    """An archive's name in a mix: `voxforge.Aaron-20080318-kdl.tgz`."""
    return f"{corpus}.{name}"


def parted(corpus: str, name: str) -> tuple[str, str]:
    """The corpus that an archive of `corpus` comes from, and its name there. (Names of corpora have no dot.)"""
    if corpus != MIX:
        return corpus, name
    own, _, rest = name.partition(".")
    return own, rest
