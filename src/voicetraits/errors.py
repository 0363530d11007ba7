"""The project's exceptions. Every message is one line: what is wrong, where, what is allowed, what to do."""


class VoicetraitsError(Exception):
    """Anything that its reader can mend: the message says how."""


class ParameterError(VoicetraitsError):
    """A key or value in params.yaml that is unknown, mistyped or out of range."""


class Diverged(ParameterError):
    """A training whose loss is no number any more: its params are allowed, and lead nowhere."""


class DataError(VoicetraitsError):
    """Input that cannot be had, read or trusted."""


class ModelError(VoicetraitsError):
    """A saved model that is incomplete, or does not fit the features that it is given."""
