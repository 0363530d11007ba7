"""Several corpora as one: to add one's women to another's men, or to train on one and test on another."""

from voicetraits.mixing import MixParams
from voicetraits.params import section


@section
class Params(MixParams):
    """Section `corpora.mix` of params.yaml."""
