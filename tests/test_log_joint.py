"""log_joint.py: whose arguments are parameters, and whose data."""

import pytest

from gridbayes.log_joint import LogJoint


def test_arguments_that_are_no_parameter_take_the_data():
    joint = LogJoint.of(lambda mu, sigma, y: (mu, sigma, y), ("mu", "sigma"))
    assert joint({"mu": 1, "sigma": 2}, joint.data([3])) == (1, 2, [3])


def test_several_take_them_by_name():
    joint = LogJoint.of(lambda x, y, slope: (x, y, slope), ("slope",))
    assert joint({"slope": 1}, joint.data({"y": 2, "x": 3})) == (3, 2, 1)
    with pytest.raises(TypeError, match="x, y need data= as a mapping of these names"):
        joint.data([2, 3])


def test_one_argument_takes_a_mapping_whole_unless_it_holds_its_name():
    joint = LogJoint.of(lambda mu, data: data, ("mu",))
    assert joint({"mu": 0}, joint.data({"x": 1})) == {"x": 1}
    assert joint({"mu": 0}, joint.data({"data": 1})) == 1


def test_parameters_may_come_as_one_mapping():
    joint = LogJoint.of(lambda p, y: (p["mu"], p["sigma"], y), ("mu", "sigma"))
    assert joint({"mu": 1, "sigma": 2}, joint.data(3)) == (1, 2, 3)


def test_arguments_with_defaults_and_of_any_name_are_no_data():
    assert LogJoint.of(lambda mu, power=2: mu**power, ("mu",))({"mu": 3}, {}) == 9
    assert LogJoint.of(lambda **p: sum(p.values()), ("a", "b"))({"a": 1, "b": 2}, {}) == 3


def test_a_parameter_without_its_argument_is_refused():
    with pytest.raises(TypeError, match="takes no argument tau; its arguments are mu, y, of which y has no grid"):
        LogJoint.of(lambda mu, y: 0, ("mu", "tau"))
    with pytest.raises(TypeError, match="must be a function"):
        LogJoint.of(3, ("mu",))


def test_data_that_are_missing_or_not_wanted_are_refused():
    with pytest.raises(TypeError, match="argument y is neither a parameter nor given as data="):
        LogJoint.of(lambda mu, y: 0, ("mu",)).data(None)
    with pytest.raises(TypeError, match="no argument for the data"):
        LogJoint.of(lambda mu: 0, ("mu",)).data([1])


def test_the_program_is_the_functions_text():
    def log_joint(mu):
        return -(mu**2) / 2

    assert str(LogJoint.of(log_joint, ("mu",)).program).startswith("def log_joint(mu):\n    return")
