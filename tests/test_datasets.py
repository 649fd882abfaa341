import dataclasses

import pytest

from gridbayes import observe, partial_pooling
from gridbayes.datasets import eight_schools, punctuality
from gridbayes.priors import HalfCauchy, Normal


def test_eight_schools_are_rubins():
    data = eight_schools()
    assert "".join(data.values) == "".join(data.errors) == "ABCDEFGH"
    assert [value for values in data.values.values() for value in values] == [28, 8, -3, 7, -1, 1, 18, 12]
    assert list(data.errors.values()) == [15, 10, 16, 11, 9, 11, 10, 18]
    assert "Rubin (1981)" in data.citation and "6(4), 377-401" in data.citation
    assert data.unit == "points of SAT-V coaching effect"


def test_punctuality_has_a_ragged_form_of_the_same_groups():
    assert punctuality().values == {"GOVERNMENT": [1], "ENGLISH": [-15], "MATH": [30]}
    assert punctuality(ragged=True).values == {
        "GOVERNMENT": [-10, 1, 11],
        "ENGLISH": [-16, -15, -14],
        "MATH": [30],
    }
    assert punctuality().errors == punctuality(ragged=True).errors == dict.fromkeys(punctuality().values, 15)
    assert punctuality().unit == "minutes late"


def test_a_dataset_goes_through_the_door():
    data = punctuality(ragged=True)
    observed = observe(data.values, sigma=data.errors)
    assert observed.count.tolist() == [3, 3, 1] and set(observed.errors) == {15.0}


def test_eight_schools_give_the_published_posterior():
    data = eight_schools()
    post = partial_pooling(data.values, sigma=data.errors, mu=Normal(0, 5), tau=HalfCauchy(5))
    assert post.log_evidence == pytest.approx(-31.31134735229, abs=1e-9)
    assert post.mean("mu") == pytest.approx(4.396820713833, abs=1e-8)


def test_a_dataset_is_frozen_and_every_call_makes_its_own():
    data = eight_schools()
    with pytest.raises(dataclasses.FrozenInstanceError, match="unit"):
        data.unit = "minutes"  # pyright: ignore[reportAttributeAccessIssue]
    data.values["A"][0] = 0.0
    assert eight_schools().values["A"] == [28.0]
