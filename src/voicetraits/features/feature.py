"""What is known of each feature beside its value."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """One column of the functionals.

    Attributes:
        name: `<feature>_<statistic>`, with its unit where it has one (`f0_median_hz`).
        unit: its unit, or 1 for a plain number.
        definition: one phrase or formula.
    """

    name: str
    unit: str
    definition: str
