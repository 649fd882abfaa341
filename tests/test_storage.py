"""post.save and gridbayes.load: the same answers bit for bit, and an error for what is no such file."""

import io
import json
import zipfile

import numpy as np
import pytest
import scipy.stats as st

import gridbayes as gb

ROWS = {"a": [3.1, 5.2, 1.0, 4.4], ("b", 2): [6.0, 4.1], "c": []}
INPUTS = {"a": [0.0, 1, 2, 4, 5], "b": [1.0, 0, 1, 1, 0]}
LINE = np.linspace(-3, 3, 24)
POSTERIORS = {
    "pooling": lambda: gb.partial_pooling(ROWS, sigma=2, mu=gb.Normal(0, 1 / 3), tau=gb.HalfCauchy(5)),
    "scipy's priors": lambda: gb.partial_pooling(ROWS, sigma=2, mu=st.norm(0, scale=5), tau=st.halfnorm(0, 4)),
    "errors": lambda: gb.partial_pooling([1, 2, 5], sigma=[1, 2, 3], mu=gb.Flat(), tau=gb.UniformShrinkage()),
    "grids": lambda: gb.partial_pooling(
        ROWS, sigma=2, mu_scale=5, tau_scale=3, grids={"mu": gb.trapezoid(-9, 9, 7), "tau": gb.linspace(1, 9, 5)}
    ),
    "sigma": lambda: gb.no_pooling(ROWS, sigma=gb.HalfNormal(4), shared_sigma=True, theta=gb.Laplace(0, 5)),
    "trials": lambda: gb.complete_pooling({"a": 3, "b": 8}, likelihood=gb.Binomial([10, 12]), theta=gb.Normal(0, 2)),
    "outliers": lambda: gb.complete_pooling(
        {"a": 3, "b": 8}, likelihood=gb.StudentTErrors(5), sigma=1, theta=gb.Normal(0, 9)
    ),
    "proportion": lambda: gb.proportion(6, 12, p=gb.Beta(2, 3)),
    "regression": lambda: gb.linear_regression(INPUTS, [1, 3, 5, 8, 12]),
    "mixture": lambda: gb.mixture([*np.linspace(-1, 1, 9), *np.linspace(5, 7, 9)], sigma=1, order=6),
    "mirrored lines": lambda: gb.mixture_of_regressions(
        LINE, np.where(np.arange(24) % 2, 2 * LINE, -LINE), sigma=0.5, labels="mirrored", order=5
    ),
    "counts": lambda: gb.poisson_regression([0, 1, 2, 4, 5], [1, 3, 5, 8, 12]),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "pooling.npz"
    POSTERIORS["pooling"]().save(path)
    return path


@pytest.mark.parametrize("name", POSTERIORS)
def test_a_loaded_posterior_is_the_same_bit_for_bit(name, tmp_path):
    post = POSTERIORS[name]()
    post.save(tmp_path / "saved")  # the name is kept as it is
    loaded = gb.load(tmp_path / "saved")
    assert loaded.log_evidence == post.log_evidence
    assert loaded.model.title == post.model.title and str(loaded.program) == str(post.program)
    assert loaded.groups == post.groups and loaded.per_group == post.per_group
    for (label, one), (other_label, other) in zip(post.rows, loaded.rows, strict=True):
        assert label == other_label
        np.testing.assert_array_equal(one.grid.nodes, other.grid.nodes, strict=True)
        np.testing.assert_array_equal(one.masses, other.masses, strict=True)


def test_a_loaded_posterior_answers_further_questions(path):
    post, loaded = POSTERIORS["pooling"](), gb.load(path)
    assert loaded.sample(20).identical(post.sample(20))
    assert loaded.predict(new_group=True).sd("y") == post.predict(new_group=True).sd("y")
    assert loaded.contrast("a", ("b", 2)).mean() == post.contrast("a", ("b", 2)).mean()
    assert repr(loaded.summary()) == repr(post.summary())
    assert loaded.model.model.observations.fingerprint == post.model.model.observations.fingerprint


def test_the_file_holds_numbers_and_text_alone(path):
    with zipfile.ZipFile(path) as file:
        for name in file.namelist():
            array = np.load(io.BytesIO(file.read(name)), allow_pickle=False)
            assert array.dtype.kind in "iufb"


def rewritten(path, tmp_path, change):
    """The file with its description changed."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    content = json.loads(arrays["gridbayes"].tobytes())
    change(content)
    arrays["gridbayes"] = np.frombuffer(json.dumps(content).encode(), np.uint8)
    np.savez(tmp_path / "changed.npz", **arrays)
    return tmp_path / "changed.npz"


def test_a_file_of_another_format_is_refused(path, tmp_path):
    other = rewritten(path, tmp_path, lambda content: content.update(format=2))
    with pytest.raises(ValueError, match="has format 2; this version of gridbayes reads format 1. Load it with"):
        gb.load(other)


def test_a_file_that_names_other_classes_is_refused(path, tmp_path):
    other = rewritten(path, tmp_path, lambda content: content["model"].update({"class": "Popen"}))
    with pytest.raises(ValueError, match="does not describe a posterior: KeyError"):
        gb.load(other)
    stranger = {"scipy": "kstest", "arguments": {"tuple": [{"tuple": []}, {"mapping": {}}]}}
    other = rewritten(path, tmp_path, lambda c: c["model"]["fields"]["priors"]["mapping"].update(mu=stranger))
    with pytest.raises(ValueError, match="does not describe a posterior: .*kstest is no distribution"):
        gb.load(other)


def test_answers_that_do_not_agree_are_refused(path, tmp_path):
    def shift(content):
        content["answers"]["moments"]["mu"][0] += 1e-6

    with pytest.raises(ValueError, match="mu differs from what the model gives here by .*e-0[5-7] sds"):
        gb.load(rewritten(path, tmp_path, shift))
    with pytest.raises(ValueError, match="has other parameters than the model in it"):
        gb.load(rewritten(path, tmp_path, lambda content: content["answers"]["moments"].pop("mu")))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_cut_off_is_refused(path, tmp_path, share):
    whole = path.read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match="is no whole file of post.save"):
        gb.load(tmp_path / "cut.npz")


def test_a_file_with_a_byte_changed_is_refused(path, tmp_path):
    broken = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as file:
        start = file.getinfo("gridbayes.npy").header_offset
    broken[start + 90] ^= 0xFF
    (tmp_path / "broken.npz").write_bytes(broken)
    with pytest.raises(ValueError, match="is no whole file of post.save"):
        gb.load(tmp_path / "broken.npz")


def test_files_of_something_else_are_refused(tmp_path):
    np.save(tmp_path / "array.npy", np.arange(3))
    np.savez(tmp_path / "other.npz", a=np.arange(3))
    np.savez(tmp_path / "pickled.npz", gridbayes=np.array([{}], object))
    (tmp_path / "text.csv").write_text("a,b\n1,2\n")
    for name in ("array.npy", "other.npz", "pickled.npz", "text.csv"):
        with pytest.raises(ValueError, match="is no whole file of post.save"):
            gb.load(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        gb.load(tmp_path / "nowhere")


class OwnPrior:
    """No class of gridbayes or scipy."""

    def logpdf(self, x):
        return st.beta.logpdf(x, 2, 3)

    def ppf(self, q):
        return st.beta.ppf(q, 2, 3)

    def support(self):
        return 0.0, 1.0


def bell(a):
    return -(a**2) / 2


def test_code_is_not_saved(tmp_path):
    grids = {name: gb.linspace(1, 9, 5) for name in ("mu", "tau", "theta")}
    plain = gb.partial_pooling(ROWS, sigma=2, mu_scale=5, tau_scale=3, grids=grids)
    own_text = gb.partial_pooling(ROWS, sigma=2, mu_scale=5, tau_scale=3, grids=grids, program=str(plain.program))
    refused = {
        "save takes posteriors of pooling models": gb.enumerate(bell, {"a": gb.linspace(-3, 3, 9)}, progress=False),
        "new row in every group .* is made otherwise": plain.predict(),
        "a Custom: a file has no code": gb.proportion(6, 12, p=OwnPrior()),
        "a Program: a file has no code": own_text,
        "a complex: a file has no code": gb.complete_pooling({1j: [3.0], "b": [4.0]}, sigma=2, theta=gb.Normal(0, 5)),
    }
    for message, post in refused.items():
        with pytest.raises(TypeError, match=message):
            post.save(tmp_path / "refused.npz")
    assert not (tmp_path / "refused.npz").exists()
