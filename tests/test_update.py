"""New rows: the joint fit in two steps, and a posterior as the next model's prior."""

import numpy as np
import pytest
import scipy.stats as st

import gridbayes as gb
from gridbayes.learned import Learned

OLD, NEW = {"G": [-10, 1], "E": [-16, -15]}, {"E": [-14], "M": [30, 27]}
BOTH = {"G": [-10, 1], "E": [-16, -15, -14], "M": [30, 27]}
PRIORS = {"mu": gb.Normal(0, 10), "tau": gb.HalfNormal(8)}


@pytest.mark.parametrize(
    "sigma",
    [{"sigma": 6}, {"sigma": gb.HalfNormal(9), "shared_sigma": True}],
    ids=["known", "shared"],
)
@pytest.mark.parametrize("kind", ["partial", "no", "complete"])
def test_an_update_is_the_joint_fit(kind, sigma):
    call, priors = getattr(gb, f"{kind}_pooling"), PRIORS if kind == "partial" else {"theta": gb.Normal(0, 10)}
    updated, joint = call(OLD, **sigma, **priors).update(NEW), call(BOTH, **sigma, **priors)
    assert updated.groups == ("G", "E", "M")
    assert updated.log_evidence == pytest.approx(joint.log_evidence, abs=1e-9)
    np.testing.assert_allclose(updated.mean("theta"), joint.mean("theta"), atol=1e-8)
    np.testing.assert_allclose(updated.quantile("theta", 0.9), joint.quantile("theta", 0.9), atol=1e-8)


def test_groups_that_learn_their_own_sigma_and_grids_of_which_some_are_placed():
    own = {"sigma": gb.HalfNormal(9), "theta": gb.Normal(0, 10)}
    found, joint = gb.no_pooling(OLD, **own).update(NEW), gb.no_pooling(BOTH, **own)
    np.testing.assert_allclose(found.mean("sigma"), joint.mean("sigma"), atol=1e-9)
    grids = {"mu": gb.linspace(-20, 20, 21)}
    found = gb.partial_pooling(OLD, sigma=6, **PRIORS, grids=grids).update(NEW)
    joint = gb.partial_pooling(BOTH, sigma=6, **PRIORS, grids=grids)
    np.testing.assert_allclose(found.mean("theta"), joint.mean("theta"), atol=1e-9)


def test_the_order_of_rows_and_their_own_errors_do_not_matter():
    errors = {"G": [3, 4], "E": [5, 2]}
    post = gb.partial_pooling(OLD, sigma=errors, **PRIORS)
    with pytest.raises(TypeError, match="sigma must be stated for new rows where the old ones have 2 to 5"):
        post.update(NEW)
    updated = post.update(NEW, sigma={"E": [1], "M": [6, 7]})
    joint = gb.partial_pooling(BOTH, sigma={"G": [3, 4], "E": [5, 2, 1], "M": [6, 7]}, **PRIORS)
    assert updated.log_evidence == pytest.approx(joint.log_evidence, abs=1e-10)


def test_counts_are_updated_with_their_trials():
    priors = {"theta": gb.Normal(-2, 1)}
    post = gb.no_pooling({"A": 18, "B": 8}, likelihood=gb.Binomial({"A": 148, "B": 119}), **priors)
    with pytest.raises(
        TypeError, match=r"likelihood must state the trials of new rows. Pass likelihood=gridbayes.Binomial"
    ):
        post.update({"C": 4})
    updated = post.update({"B": 3, "C": 4}, likelihood=gb.Binomial({"B": 20, "C": 31}))
    counts, trials = {"A": [18], "B": [8, 3], "C": [4]}, {"A": [148], "B": [119, 20], "C": [31]}
    joint = gb.no_pooling(counts, likelihood=gb.Binomial(trials), **priors)
    assert updated.log_evidence == pytest.approx(joint.log_evidence, abs=1e-10)
    with pytest.raises(ValueError, match=r"must be that of the old rows, Binomial\(trials\); it is Poisson"):
        post.update({"C": 4}, likelihood=gb.Poisson(2))


def test_regressions_are_updated():
    old, new = {"age": [1.0, 2, 4], "iq": [90.0, 110, 100]}, {"iq": [95.0, 120], "age": [7.0, 3]}
    y, priors = (
        [3.1, 3.9, 8.2, 13.1, 6.0],
        {"intercept": gb.Normal(0, 9), "slope": gb.Normal(0, 3), "sigma": gb.HalfNormal(2)},
    )
    both = {name: old[name] + new[name] for name in old}
    line = gb.linear_regression(old, y[:3], **priors).update(new, y[3:])
    joint = gb.linear_regression(both, y, **priors)
    assert line.log_evidence == pytest.approx(joint.log_evidence, abs=1e-10)
    np.testing.assert_allclose(line.mean("slope"), joint.mean("slope"), atol=1e-10)
    sample = gb.normal(y[:3], mu=gb.Normal(0, 9), sigma=2, errors=0.5).update(y[3:], errors=[1, 2])
    assert sample.mean("mu") == pytest.approx(
        gb.normal(y, mu=gb.Normal(0, 9), sigma=2, errors=[0.5, 0.5, 0.5, 1, 2]).mean("mu"), abs=1e-10
    )
    priors = {"intercept": gb.Normal(0, 2), "slope": gb.Normal(0, 3)}
    logistic = gb.logistic_regression([-0.9, -0.3], [0, 1], trials=5, **priors).update([0.7], [5], trials=6)
    joint = gb.logistic_regression([-0.9, -0.3, 0.7], [0, 1, 5], trials=[5, 5, 6], **priors)
    assert logistic.log_evidence == pytest.approx(joint.log_evidence, abs=1e-9)


def test_new_rows_of_the_wrong_shape_are_refused():
    post = gb.partial_pooling(OLD, sigma=gb.HalfNormal(9), shared_sigma=True, **PRIORS)
    with pytest.raises(TypeError, match=r"sigma is learned here, from its prior HalfNormal\(9\); leave out sigma=3"):
        post.update(NEW, sigma=3)
    with pytest.raises(ValueError, match="every value is missing"):
        post.update({"M": [float("nan")]})
    with pytest.raises(TypeError, match="rows are normal here; leave out likelihood=Poisson"):
        post.update(NEW, likelihood=gb.Poisson())
    with pytest.raises(ValueError, match=r"known of all rows or none; they are of the new rows and not of these"):
        post.update(gb.observe(NEW, sigma=3))
    line = gb.linear_regression([0.0, 1, 2], [1.0, 3, 5.1], sigma=1)
    with pytest.raises(ValueError, match="x must have 1 inputs a row; it has 2"):
        line.update([[1.0, 2.0]], [4.0])
    with pytest.raises(ValueError, match=r"errors must be positive; errors\[0\] is -1"):
        line.update([3.0], [4.0], errors=[-1])
    with pytest.raises(TypeError, match="does not answer update yet. Fit old and new rows together"):
        post.contrast("G", "E").update(4, 5)


# --- a posterior as a prior ---------------------------------------------------------------------------------------


def test_a_location_learned_twice_is_learned_at_once():
    prior = gb.StudentT(3, 0, 5)
    first = gb.complete_pooling([4.0, 9.0], sigma=[3, 2], theta=prior)
    second = gb.complete_pooling([-2.0, 5.0, 6.0], sigma=4, theta=first.as_prior("theta"))
    joint = gb.complete_pooling([4.0, 9.0, -2.0, 5.0, 6.0], sigma=[3, 2, 4, 4, 4], theta=prior)
    assert second.mean() == pytest.approx(joint.mean(), abs=1e-8) and second.sd() == pytest.approx(joint.sd(), abs=1e-8)
    np.testing.assert_allclose(second.quantile([0.01, 0.5, 0.99]), joint.quantile([0.01, 0.5, 0.99]), atol=1e-8)
    assert first.log_evidence + second.log_evidence == pytest.approx(joint.log_evidence, abs=1e-8)
    assert "theta ~ posterior of theta" in second.model.title


def test_a_share_learned_twice_is_learned_at_once():
    second = gb.proportion(6, 12, p=gb.proportion(3, 10).as_prior())
    joint = st.beta(1 + 9, 1 + 13)
    assert second.mean() == pytest.approx(joint.mean(), abs=1e-9)
    np.testing.assert_allclose(second.quantile([0.05, 0.5, 0.95]), joint.ppf([0.05, 0.5, 0.95]), atol=1e-8)


def test_the_density_keeps_its_digits_far_out():
    post = gb.complete_pooling([1.0, 4.0], sigma=2, theta=gb.Normal(0, 5))
    prior, exact = post.as_prior("theta"), st.norm(float(post.mean()), float(post.sd()))
    x = exact.mean() + exact.std() * np.array([-6.0, -3, 0, 2, 6])
    np.testing.assert_allclose(prior.logpdf(x), exact.logpdf(x), atol=1e-7)
    np.testing.assert_allclose(prior.ppf([0.001, 0.5, 0.999]), exact.ppf([0.001, 0.5, 0.999]), rtol=1e-8)
    assert prior.logpdf(prior.support[1] + 1) == -np.inf and isinstance(prior, Learned)
    assert prior.breakpoints and prior.support[0] < prior.breakpoints[0]


def test_a_scale_can_be_handed_on_too():
    tau = gb.partial_pooling(BOTH, sigma=6, **PRIORS).as_prior("tau")
    assert tau.support[0] == 0
    post = gb.partial_pooling([1.0, 9.0, -7.0], sigma=3, mu=gb.Normal(0, 5), tau=tau)
    x = np.linspace(1e-6, 40, 4001)  # p(tau) by Simpson's rule over the same prior
    v = 9 + x**2
    log_p = tau.logpdf(x) + np.array(
        [st.multivariate_normal(np.zeros(3), 25 + each * np.eye(3)).logpdf([1.0, 9.0, -7.0]) for each in v]
    )
    weight = np.exp(log_p) * np.where(np.arange(4001) % 2, 4, 2) * (x[1] - x[0]) / 3
    assert post.log_evidence == pytest.approx(np.log(weight.sum() - weight[[0, -1]].sum() / 2), abs=1e-6)
    assert post.mean("tau") == pytest.approx(weight @ x / weight.sum(), abs=1e-5)


def test_what_is_no_prior_is_refused():
    post = gb.partial_pooling(OLD, sigma=6, **PRIORS)
    with pytest.raises(ValueError, match="as_prior needs one group: each has its own theta"):
        post.as_prior("theta")
    assert repr(post.as_prior("theta", group="E")) == "posterior of theta[E]"
    nodes = gb.proportion(3, 10, grids={"p": np.arange(13) / 12})
    with pytest.raises(ValueError, match="p is on explicit points here and has no density"):
        nodes.as_prior()
