"""Autoencoders: columns' likelihoods, densities that are known, samples, outliers."""

import pickle

import keras
import numpy as np
import pytest
from canonical import NET, X
from scipy import stats
from scipy.sparse import csr_array
from scipy.stats import multivariate_normal
from sklearn.base import clone, is_outlier_detector
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import MLP, LossAwareTransformer, networks
from skloss._engine import predict_raw
from skloss.exceptions import LossTargetError
from skloss.losses import ELBO, Reconstruction, Task
from skloss.losses._core._column_likelihoods import (
    Block,
    best_outputs,
    draw_values,
    expected_values,
    find_blocks,
    negative_log_likelihood,
)
from skloss.schedules import WarmUp

RNG = np.random.default_rng(4)
GROUP = RNG.integers(0, 3, 300)
MIXED = np.column_stack(
    [
        RNG.normal(size=(300, 2)) + GROUP[:, None],
        RNG.random(300) < 0.2 + 0.3 * GROUP,
        np.eye(3)[GROUP],
        RNG.poisson(1 + 2 * GROUP),
        np.eye(2)[(GROUP > 1).astype(int)],
    ]
)
BLOCKS = (
    Block("gaussian", (0, 1)),
    Block("bernoulli", (2,)),
    Block("categorical", (3, 4, 5)),
    Block("categorical", (7, 8)),
    Block("poisson", (6,)),
)


def make(loss="elbo", **changes):
    own = {"n_components": 2, "network": (16,), "epochs": 60, "random_state": 0}
    return LossAwareTransformer(loss, **{**NET, **own, **changes})


# -- columns ---------------------------------------------------------------------------


def test_likelihoods_are_found_in_the_values():
    assert find_blocks(MIXED) == BLOCKS
    rng = np.random.default_rng(0)
    ages = rng.integers(18, 90, 300)
    days = rng.integers(0, 300, 300)
    (block,) = find_blocks(np.column_stack([ages, days, rng.random(300)]).astype(float))
    assert block == Block("gaussian", (0, 1, 2))


def test_the_likelihood_of_a_row_is_scipys():
    raw = RNG.normal(size=(300, 11))  # nine columns, two log-variances
    y = MIXED
    found = np.asarray(negative_log_likelihood(BLOCKS, True, y, raw))
    deviation = np.exp(0.5 * raw[:, 9:])
    log_p = stats.norm.logpdf(y[:, :2], raw[:, :2], deviation).sum(axis=1)
    log_p += stats.bernoulli.logpmf(y[:, 2], 1 / (1 + np.exp(-raw[:, 2])))
    for columns, place in (([3, 4, 5], slice(3, 6)), ([7, 8], slice(6, 8))):
        p = np.exp(raw[:, place])
        log_p += np.log((p * y[:, columns]).sum(axis=1) / p.sum(axis=1))
    log_p += stats.poisson.logpmf(y[:, 6], np.exp(raw[:, 8]))
    np.testing.assert_allclose(found, -log_p)


def test_the_best_constant_is_best():
    weight = RNG.uniform(0.5, 2, 300)
    y = MIXED - np.where(np.arange(9) < 2, np.average(MIXED, axis=0, weights=weight), 0)
    best = best_outputs(BLOCKS, False, y, weight)

    def value(raw):
        rows = negative_log_likelihood(BLOCKS, False, y, np.tile(raw, (300, 1)))
        return np.average(np.asarray(rows), weights=weight)

    for j in range(9):
        for step in (-1e-3, 1e-3):
            assert value(best + step * np.eye(9)[j]) >= value(best) - 1e-12


def test_draws_have_the_expected_values():
    raw = np.tile(RNG.normal(size=11), (20_000, 1))
    drawn = draw_values(BLOCKS, raw, np.random.RandomState(0))
    expected = expected_values(BLOCKS, raw[:1])[0]
    spread = drawn.std(axis=0) / np.sqrt(20_000)
    assert (np.abs(drawn.mean(axis=0) - expected) < 4.5 * spread + 1e-12).all()
    np.testing.assert_allclose(
        drawn[:, :2].std(axis=0), np.exp(0.5 * raw[0, 9:]), rtol=0.03
    )
    assert (drawn[:, 3:6].sum(axis=1) == 1).all()
    variance = expected[6]  # of counts it is the mean
    assert drawn[:, 6].var() == pytest.approx(variance, rel=0.06)


@pytest.mark.slow
def test_columns_that_are_named():
    named = (("gaussian", (0, 1, 6)), ("bernoulli", (2, 3, 4, 5, 7, 8)))
    for loss in (ELBO(likelihood=named), ELBO(likelihood=[list(x) for x in named])):
        net = make(loss, epochs=2).fit(MIXED)
        assert net.loss_.blocks == tuple(Block(*own) for own in named)
        assert eval(repr(net.loss_)) == loss
        assert clone(net).loss == loss
    net = make(Reconstruction(likelihood="gaussian"), epochs=2).fit(MIXED)
    assert net.loss_.blocks == (Block("gaussian", tuple(range(9))),)


@pytest.mark.parametrize(
    ("likelihood", "words"),
    [
        ("normal", "likelihood='normal' must be 'auto', one of 'gaussian'"),
        ((("gaussian", (0, 1)),), "must name each of the 9 columns of X once"),
        ("bernoulli", "of column 0 needs values that are between 0 and 1, got"),
        ("poisson", "of column 0 needs values that are whole numbers >= 0"),
        (
            (("gaussian", (0, 1, 6)), ("categorical", (2, 3, 4, 5, 7, 8))),
            "needs one 1 in every row",
        ),
    ],
)
def test_likelihoods_that_columns_do_not_have(likelihood, words):
    with pytest.raises(ValueError, match=words):
        make(ELBO(likelihood=likelihood)).fit(MIXED)


def test_what_else_is_refused_before_training():
    with pytest.raises(LossTargetError, match=r"Column 2 of X has one value.*Variance"):
        make().fit(np.column_stack([X[:, :2], np.full(93, 3.7)]))
    still = np.column_stack([X[:, :2], np.full(93, 3.7)])  # harms no reconstruction
    net = make("reconstruction").fit(still)
    back = net.inverse_transform(net.transform(still))
    np.testing.assert_allclose(back[:, 2], 3.7, atol=1e-5)
    with pytest.raises(TypeError, match="whose layers can be turned round"):
        make(network=lambda: None).fit(X)
    with pytest.raises(LossTargetError, match="stand alone only"):
        make(0.5 * ELBO()).fit(X)
    with pytest.raises(ValueError, match=r"contamination=0\.7 must be in"):
        make(contamination=0.7).fit(X)
    for wrong in ({"beta": -1}, {"free_bits": -1}, {"noise": -1}, {"corruption": 1}):
        with pytest.raises(ValueError, match="must be in"):
            make(ELBO(**wrong)).fit(X)


# -- the network -----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "network",
    [(), (16,), MLP((12, 8), normalization="batch"), MLP((8,), embedding="periodic")],
    ids=repr,
)
@pytest.mark.parametrize("loss", [ELBO(), Reconstruction()], ids=repr)
def test_encoder_and_decoder_are_the_halves_of_what_was_trained(network, loss):
    net = make(loss, network=network, epochs=3).fit(MIXED)
    out, variational = net._fitted.outputs, net.loss_.variational
    whole = networks.Autoencoder(networks.get(network), 2, variational)
    inputs = np.column_stack([MIXED, np.zeros((300, 2 * variational))])
    kept = out.weights, out.stored, out.n_raw
    raw = predict_raw(whole, inputs, *kept, is_sparse=False)
    latent = out.of_table(MIXED)
    np.testing.assert_allclose(raw[:, -latent.shape[1] :], latent, atol=1e-5)
    decoded = out.decoder.of_table(latent[:, :2].astype(out.weights.dtype))
    np.testing.assert_allclose(raw[:, : -latent.shape[1]], decoded, atol=1e-5)
    np.testing.assert_allclose(net.transform(MIXED), latent[:, :2])
    np.testing.assert_allclose(
        net.model_.predict(MIXED, verbose=0), latent[:, :2], atol=1e-5
    )


def test_a_divergence_is_that_of_two_normal_distributions():
    task, loss = Task("representation", 4, 2), ELBO(beta=1.0).settle(X)
    raw, y = RNG.normal(size=(93, 12)), X
    weight = np.full(93, 1 / 93)
    likelihood = negative_log_likelihood(loss.blocks, True, y, raw[:, :8])
    found = float(loss.batch_value(task, y, raw, weight)) - np.mean(likelihood)
    mean, deviation = raw[:, 8:10], np.exp(0.5 * raw[:, 10:])
    draws = np.random.default_rng(0).normal(size=(20_000, 1, 1)) * deviation + mean
    log_ratio = stats.norm.logpdf(draws, mean, deviation) - stats.norm.logpdf(draws)
    assert found == pytest.approx(log_ratio.sum(axis=2).mean(), rel=0.01)
    twice = float(ELBO(beta=2.0).settle(X).batch_value(task, y, raw, weight))
    assert twice - np.mean(likelihood) == pytest.approx(2 * found)
    free = float(ELBO(free_bits=50.0).settle(X).batch_value(task, y, raw, weight))
    assert free - np.mean(likelihood) == pytest.approx(100)


@pytest.mark.slow
def test_a_linear_autoencoder_finds_the_principal_plane():
    """Without a bottleneck's penalty the optimum is PCA's (Baldi and Hornik 1989)."""
    rows = StandardScaler().fit_transform(load_breast_cancer().data)
    net = LossAwareTransformer(
        Reconstruction(likelihood="gaussian"),
        **{"n_components": 3, "network": (), "epochs": 200, "random_state": 0},
        **{"learning_rate": 0.01, "lr_schedule": "cosine"},
    ).fit(rows)
    pca = PCA(3).fit(rows)

    def error(own):
        return np.square(own.inverse_transform(own.transform(rows)) - rows).mean()

    assert error(pca) <= error(net) < 1.01 * error(pca)


# -- densities -------------------------------------------------------------------------

W = np.random.default_rng(1).normal(size=(6, 2))
NOISE = np.array([0.5, 0.8, 0.6, 0.7, 0.9, 0.5])
MEAN = np.array([0.0, 5.0, -3.0, 100.0, 0.0, 1.0])
LAW = multivariate_normal(MEAN, W @ W.T + np.diag(NOISE**2))
KNOWN = LAW.rvs(6000, random_state=2)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((), id="linear"),
        pytest.param((32, 32), id="deep", marks=pytest.mark.slow),
    ],
)
def density(request):
    """Return a Pipeline fitted to rows of a known law, and a bound in nats a column."""
    net = LossAwareTransformer(
        "elbo",
        **{"n_components": 2, "network": request.param, "epochs": 150},
        **{"learning_rate": 0.01, "lr_schedule": "cosine", "random_state": 0},
    )
    pipe = make_pipeline(StandardScaler(), net).fit(KNOWN[:3000])
    return pipe, 0.05 if request.param else 0.01


def test_the_bound_is_near_a_log_likelihood_that_is_known(density):
    pipe, bound = density
    unscaled = np.log(pipe[0].scale_).sum()
    gap = LAW.logpdf(KNOWN[3000:]) - (pipe.score_samples(KNOWN[3000:]) - unscaled)
    assert -0.005 < gap.mean() / 6 < bound
    # and near what the exact algorithm for this model finds
    exact = FactorAnalysis(2).fit(KNOWN[:3000]).score(KNOWN[3000:])
    assert (exact - pipe.score(KNOWN[3000:]) + unscaled) / 6 < bound


def test_samples_have_the_means_and_correlations(density):
    pipe, _ = density
    drawn = pipe[0].inverse_transform(pipe[1].sample(20_000, random_state=0))
    deviation = np.sqrt(np.diag(LAW.cov))
    # of 3,000 training rows and 20,000 draws: four standard errors, and the fit's
    assert (np.abs(drawn.mean(axis=0) - MEAN) / deviation < 0.12).all()
    correlation = LAW.cov / np.outer(deviation, deviation)
    assert np.abs(np.corrcoef(drawn.T) - correlation).max() < 0.1
    again = pipe[1].sample(20_000, random_state=0)
    assert (pipe[0].inverse_transform(again) == drawn).all()


@pytest.mark.slow
def test_scores_are_in_the_units_of_x():
    rows = 8.0 * (KNOWN - MEAN)
    net = make(network=(), epochs=150, lr_schedule="cosine").fit(rows[:3000])
    law = multivariate_normal(np.zeros(6), 64 * LAW.cov)
    gap = law.logpdf(rows[3000:]) - net.score_samples(rows[3000:])
    assert -0.005 < gap.mean() / 6 < 0.01


@pytest.mark.slow
def test_a_density_integrates_to_one():
    """Of one column, on a grid; and of counts, by a sum."""
    x = np.random.default_rng(0).gamma(2.0, size=(400, 1))
    net = make(n_components=1, epochs=100).fit(x)
    grid = np.linspace(-10, 30, 4001)[:, None]
    assert np.exp(net.score_samples(grid)).sum() * 0.01 == pytest.approx(1, abs=0.02)
    counts = np.random.default_rng(0).poisson(3.0, size=(400, 1)).astype(float)
    net = make(n_components=1, epochs=100).fit(counts)
    grid = np.arange(40.0)[:, None]
    assert np.exp(net.score_samples(grid)).sum() == pytest.approx(1, abs=0.02)


@pytest.mark.slow
def test_scores_of_mixed_columns_choose_what_is_likely():
    net = make(epochs=100).fit(MIXED)
    odd = MIXED.copy()
    odd[:, 3:6] = np.eye(3)[(GROUP + 1) % 3]  # a group that nothing else agrees with

    def auc(score):
        return roc_auc_score(np.repeat([1, 0], 300), np.r_[score(MIXED), score(odd)])

    def log_density(rows):  # by which the rows were made, but for odd groups' other one
        group = rows[:, 3:6].argmax(axis=1)
        log_p = stats.norm.logpdf(rows[:, :2], group[:, None]).sum(axis=1)
        log_p += stats.bernoulli.logpmf(rows[:, 2], np.minimum(0.2 + 0.3 * group, 1))
        log_p += stats.poisson.logpmf(rows[:, 6], 1 + 2 * group)
        return log_p + np.log(np.where((group > 1) == rows[:, 8], 1.0, 1e-9))

    assert auc(net.score_samples) > auc(log_density) - 0.1
    drawn = net.sample(2000, random_state=0)
    assert find_blocks(drawn) == BLOCKS
    np.testing.assert_allclose(drawn.mean(axis=0), MIXED.mean(axis=0), atol=0.35)
    back = net.inverse_transform(net.transform(MIXED))
    np.testing.assert_allclose(back[:, 3:6].sum(axis=1), 1)
    assert (back[:, 3:6].argmax(axis=1) == GROUP).mean() > 0.9


# -- outliers --------------------------------------------------------------------------


def test_outliers_by_scikit_learns_conventions():
    rows = np.r_[X, X[:7] + 6]
    net = make(contamination=0.07).fit(rows)
    assert make().fit(X).score_samples(X + 6).max() < make().fit(X).offset_
    assert is_outlier_detector(net)
    scores = net.score_samples(rows)
    assert (net.decision_function(rows) == scores - net.offset_).all()
    assert (net.predict(rows) == np.where(scores >= net.offset_, 1, -1)).all()
    assert (net.predict(rows) == -1).sum() == 7
    assert (clone(net).fit_predict(rows) == net.predict(rows)).all()
    assert net.score(rows) == pytest.approx(scores.mean())
    assert (pickle.loads(pickle.dumps(net)).score_samples(rows) == scores).all()
    np.testing.assert_allclose(net.score_samples(csr_array(rows)), scores)
    # weights count, and rows of no weight are not there
    weight = np.r_[np.ones(93), np.zeros(7)]
    weighed = make(contamination=0.07).fit(rows, sample_weight=weight)
    without = make(contamination=0.07).fit(X)
    assert weighed.offset_ == pytest.approx(without.offset_)


def test_methods_are_those_of_the_loss():
    names = ("score_samples", "score", "sample", "predict", "decision_function")
    for loss in ("info_nce", "reconstruction"):
        net = make(loss, epochs=1).fit(X)
        for name in (*names, "fit_predict"):
            assert not hasattr(net, name)
            with pytest.raises(AttributeError) as caught:
                getattr(net, name)
            assert "gives rows no density" in str(caught.value.__cause__)
        assert not hasattr(net, "offset_")
        assert not is_outlier_detector(net)
    assert hasattr(make("reconstruction"), "inverse_transform")
    with pytest.raises(AttributeError) as caught:
        make("info_nce").inverse_transform(X)
    assert "does not lead back" in str(caught.value.__cause__)
    with pytest.raises(ValueError, match="X has 4 columns, but representations have 2"):
        make(epochs=1).fit(X).inverse_transform(X)
    with pytest.raises(ValueError, match="n_samples=0 must be"):
        make(epochs=1).fit(X).sample(0)


@pytest.mark.slow
def test_a_search_needs_no_scoring():
    grid = {"n_components": [1, 2], "loss__beta": [1.0, 4.0]}
    search = GridSearchCV(make(epochs=20), grid, cv=3, error_score="raise").fit(X)
    for params, score in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        own = make(epochs=20).set_params(**params)
        assert cross_val_score(own, X, cv=3).mean() == pytest.approx(score)
    search = GridSearchCV(make("reconstruction"), {"n_components": [1, 2]}, cv=3)
    with pytest.raises(TypeError, match="scor"):
        search.fit(X)


@pytest.mark.slow
def test_beta_may_be_a_schedule_and_rows_noised():
    plain = make(epochs=20).fit(X)
    risen = make(ELBO(beta=WarmUp(epochs=10)), epochs=20).fit(X)
    assert risen.history_["loss__beta"][0] < risen.history_["loss__beta"][-1] == 1
    assert np.abs(risen.transform(X) - plain.transform(X)).max() > 1e-3
    for changes in ({"noise": 0.5}, {"corruption": 0.3}):
        noised = make(Reconstruction(**changes), epochs=20).fit(X)
        clean = make(Reconstruction(), epochs=20).fit(X)
        assert noised.history_["loss"][-1] > clean.history_["loss"][-1]
    stopped = make(epochs=200, early_stopping=True, learning_rate=0.05).fit(X)
    assert stopped.n_epochs_ < 200


@pytest.mark.slow
def test_keras_callbacks_see_the_latent_numbers():
    class Watch(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            inputs = np.column_stack([X, np.zeros((93, self.model.input.shape[1] - 4))])
            self.seen = self.model.predict(inputs, verbose=0)

    for loss in ("elbo", "reconstruction"):
        net = make(loss, epochs=3, callbacks=[Watch()]).fit(X)
        (watch,) = net.callbacks_
        np.testing.assert_allclose(watch.seen, net.transform(X), atol=1e-5)
