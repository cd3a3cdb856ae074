"""A search with "auto" in place of a space, from the user's Pipeline to an ensemble."""

import canonical
import numpy as np
import pytest
from canonical import X, y_binary, y_number
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import LossAwareClassifier, LossAwareRegressor
from skloss.model_selection import FusedOptunaSearchCV, _auto_space, auto_space
from skloss.preprocessing import PiecewiseLinearEncoder

pytestmark = pytest.mark.slow

NET = "lossawareclassifier__"


@pytest.fixture(scope="module", autouse=True)
def short():
    """Train for few epochs, which says nothing of how a search goes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_auto_space, "MOST_EPOCHS", 3)
        patch.setattr(_auto_space, "LEAST_EPOCHS", 1)
        yield


def search(estimator, **options):
    options = {"n_trials": 7, "cv": 3, "random_state": 0} | options
    return FusedOptunaSearchCV(estimator, "auto", **options)


@pytest.fixture(scope="module")
def pipe():
    net = LossAwareClassifier(random_state=0, record=False)
    return make_pipeline(StandardScaler(), net)


@pytest.fixture(scope="module")
def searches(short, pipe, tmp_path_factory):
    """Return a search of two trials, and one of seven that goes on with its study."""
    path = tmp_path_factory.mktemp("studies") / "study.db"
    stored = {"storage": f"sqlite:///{path}", "study_name": "a"}
    return [
        search(pipe, n_trials=n, scoring="neg_log_loss", **stored).fit(X, y_binary)
        for n in (2, 7)
    ]


@pytest.fixture(scope="module")
def found(searches):
    return searches[1]


def test_the_first_trials_are_the_starts(found):
    starts = found.param_distributions_.list_starts()
    drawn = [trial.params for trial in found.study_.get_trials()[:7]]
    for start, own in zip(starts[:7], drawn, strict=True):
        assert {name: own[name] for name in start} == start
    encoders = [
        params["piecewiselinearencoder"] for params in found.cv_results_["params"]
    ]
    assert sum(isinstance(e, PiecewiseLinearEncoder) for e in encoders[:6]) == 3


def test_the_space_is_that_of_auto_space(found, pipe):
    space = auto_space(pipe, X, y_binary, scoring="neg_log_loss")
    assert repr(found.param_distributions_) == repr(space)
    assert found.param_distributions == "auto"


def test_what_is_found_can_be_set_on_the_users_estimator(found, pipe):
    names = ["standardscaler", "piecewiselinearencoder", "lossawareclassifier"]
    for params in found.cv_results_["params"]:
        own = clone(pipe).set_params(**clone(params, safe=False))
        assert list(own.named_steps) == names
    best = clone(pipe).set_params(**clone(found.best_params_, safe=False))
    p = best.fit(X, y_binary).predict_proba(X)
    np.testing.assert_array_equal(p, found.predict_proba(X))


def test_the_users_estimator_is_untouched(found, pipe):
    assert list(pipe.named_steps) == ["standardscaler", "lossawareclassifier"]
    assert (
        pipe[-1].get_params()
        == LossAwareClassifier(random_state=0, record=False).get_params()
    )


def test_it_ends_in_an_ensemble(searches, pipe):
    for one in searches:
        assert one.ensemble_.predict_proba(X).shape == (len(X), 2)
        assert np.isfinite(one.ensemble_score_)
    none = search(pipe, ensemble=None, n_trials=1, scoring="neg_log_loss")
    none.fit(X, y_binary)
    with pytest.raises(AttributeError, match="ensemble='greedy'"):
        none.ensemble_  # noqa: B018
    small = make_pipeline(LossAwareClassifier(**canonical.NET))
    plain = FusedOptunaSearchCV(small, {f"{NET}l2": [0.0]}, n_trials=1, cv=3)
    plain.fit(X, y_binary)
    assert not hasattr(plain, "ensemble_")


def mean_margin(estimator, X, y):
    return np.abs(estimator.predict_proba(X)[:, 1] - 0.5).mean()


@pytest.mark.parametrize(("refit", "members"), [(True, 8), (False, 0)])
@pytest.mark.slow
def test_a_function_that_scores_has_an_ensemble_of_seeds(pipe, refit, members):
    space = auto_space(pipe, X, y_binary, scoring=mean_margin)
    space |= {f"{NET}network": [(8,)], f"{NET}loss": ["cross_entropy"]}
    del space["piecewiselinearencoder"]
    own = search(pipe, n_trials=1, scoring=mean_margin, refit=refit)
    own.set_params(param_distributions=space).fit(X, y_binary)
    ensemble = getattr(own, "ensemble_", None)
    assert len(getattr(ensemble, "estimators", ())) == members


def test_an_edited_space_is_drawn_from(pipe):
    space = auto_space(pipe, X, y_binary)
    del space["piecewiselinearencoder"]
    space[f"{NET}loss"] = ["cross_entropy"]
    space[f"{NET}network"] = [(8,)]
    found = search(pipe, n_trials=2).set_params(param_distributions=space)
    found.fit(X, y_binary)
    assert hasattr(found, "ensemble_")
    assert {p[f"{NET}network"] for p in found.cv_results_["params"]} == {(8,)}
    assert found.best_estimator_[1] == "passthrough"


def test_a_stored_study_goes_on(searches):
    first, again = searches
    scores = first.cv_results_["mean_test_score"]
    np.testing.assert_array_equal(again.cv_results_["mean_test_score"][:2], scores)
    starts = again.param_distributions_.list_starts()
    # what was queued at first is not queued again
    assert len(again.study_.get_trials()) == len(starts)


@pytest.mark.parametrize("several", ["dict", "list"])
def test_of_several_scores_that_of_refit_decides(several):
    names = ["neg_mean_absolute_error", "r2"]
    scoring = {"dict": {"a": names[0], "b": names[1]}, "list": names}[several]
    refit = "a" if several == "dict" else names[0]
    net = make_pipeline(StandardScaler(), LossAwareRegressor(random_state=0))
    found = search(net, scoring=scoring, refit=refit, n_trials=1).fit(X, y_number)
    space = auto_space(net, X, y_number, scoring=names[0])
    assert repr(found.param_distributions_) == repr(space)


def test_other_words_are_refused(pipe):
    wrong = search(pipe).set_params(param_distributions="atuo")
    with pytest.raises(ValueError, match=r"'atuo' must be a dict.*or 'auto'"):
        wrong.fit(X, y_binary)
