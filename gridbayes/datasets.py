"""Small published data sets, each with its citation and unit."""

from dataclasses import dataclass

__all__ = ["Dataset", "eight_schools", "punctuality"]

RUBIN = 'Rubin (1981), "Estimation in parallel randomized experiments", J. Educ. Stat. 6(4), 377-401.'


@dataclass(frozen=True)
class Dataset:
    """Measurements by group, ready for a pooling model: `partial_pooling(data.values, sigma=data.errors)`.

    Parameters
    ----------
    name : what it is called.
    values : label of each group to its measurements, in `unit`.
    errors : label of each group to the known standard deviation of one of its measurements, in `unit`.
    unit : what one unit of a value is, with what was measured.
    citation : who published it.
    """

    name: str
    values: dict[str, list[float]]
    errors: dict[str, float]
    unit: str
    citation: str

    def __repr__(self) -> str:
        count = sum(map(len, self.values.values()))
        return f"Dataset({self.name}: {count} values in {len(self.values)} groups, {self.unit})"


def eight_schools() -> Dataset:
    """The effect of coaching on SAT-V scores in eight parallel randomised experiments, with standard errors.

    Source: Rubin (1981), as in Gelman et al., Bayesian Data Analysis, 3rd ed., table 5.2.

    >>> data = eight_schools()
    >>> data
    Dataset(Eight schools: 8 values in 8 groups, points of SAT-V coaching effect)
    >>> data.values["A"], data.errors["A"]
    ([28.0], 15.0)
    """
    effects = (28, 8, -3, 7, -1, 1, 18, 12)
    standard_errors = (15, 10, 16, 11, 9, 11, 10, 18)
    return Dataset(
        name="Eight schools",
        values={label: [float(effect)] for label, effect in zip("ABCDEFGH", effects, strict=True)},
        errors={label: float(error) for label, error in zip("ABCDEFGH", standard_errors, strict=True)},
        unit="points of SAT-V coaching effect",
        citation=RUBIN,
    )


def punctuality(ragged: bool = False) -> Dataset:
    """Minutes late of professors of three departments: one value each, or with `ragged` up to three.

    Negative is early. The standard deviation of one measurement is 15 minutes where it is taken as known; to
    learn it, pass a prior as `sigma` in place of `errors`.

    >>> data = punctuality(ragged=True)
    >>> data
    Dataset(Punctuality: 7 values in 3 groups, minutes late)
    >>> data.values["ENGLISH"], punctuality().values["ENGLISH"]
    ([-16.0, -15.0, -14.0], [-15.0])
    """
    one = {"GOVERNMENT": [1.0], "ENGLISH": [-15.0], "MATH": [30.0]}
    several = {"GOVERNMENT": [-10.0, 1.0, 11.0], "ENGLISH": [-16.0, -15.0, -14.0], "MATH": [30.0]}
    return Dataset(
        name="Punctuality",
        values=several if ragged else one,
        errors=dict.fromkeys(one, 15.0),
        unit="minutes late",
        citation="The example of a public tutorial on multilevel models in memo.",
    )
