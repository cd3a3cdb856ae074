"""From evidence to losses, the first the best; nothing here knows of a score."""

from dataclasses import dataclass

from skloss._advice._evidence import find_held
from skloss._advice._likelihoods import compare_likelihoods


@dataclass(frozen=True)
class Advice:
    """A loss, why it is worth a try, and what it is good at.

    Attributes
    ----------
    loss : str
    reason : str
    serves : str
        The scores that its predictions are best by.
    """

    loss: str
    reason: str
    serves: str


MEAN_SCORES = "RMSE, R2"
DEFAULT = Advice("squared_error", "The mean, if nothing else is known.", MEAN_SCORES)
HUBER = Advice(
    "huber", "Rows far off pull less, others as squares do.", "MAE, RMSE of clean rows"
)
#: From a distribution to the losses that are its likelihood, or do without; in the
#: order in which they are taken where they fit alike. Errors of the baseline are held
#: against zeros of another origin more than against counts that scatter.
LOSSES_OF = {
    "normal": (DEFAULT,),
    "student_t": (
        HUBER,
        Advice("student_t_nll", "Student's t, with its tails.", "CRPS, intervals"),
    ),
    "laplace": (Advice("absolute_error", "The median.", "MAE"),),
    "normal, spread by row": (
        Advice("gaussian_nll", "Mean and variance of each row.", "CRPS, intervals"),
    ),
    "student_t, spread by row": (
        Advice("student_t_nll", "Student's t of each row.", "CRPS, intervals"),
    ),
    "poisson": (Advice("poisson", "Counts.", "Poisson deviance, RMSE"),),
    "zero_inflated_poisson": (
        Advice(
            *("zero_inflated_poisson", "Counts, and zeros of another origin."),
            "Poisson deviance, CRPS",
        ),
    ),
    "negative_binomial": (
        Advice(
            *("negative_binomial", "Counts that vary more than Poisson's."),
            "Poisson deviance, CRPS",
        ),
    ),
    "gamma": (
        Advice(
            "gamma", "A mean that rows scatter around in proportion.", "gamma deviance"
        ),
    ),
    "log_normal": (
        Advice(
            "log_normal_nll", "A normal distribution of log y.", "MAE, CRPS, intervals"
        ),
        Advice("gamma", "The mean of what scatters in proportion.", "gamma deviance"),
    ),
    "beta": (
        Advice("beta_likelihood", "Shares, with their scatter.", "CRPS, intervals"),
        Advice("fractional", "The mean of shares.", "RMSE, log-loss"),
    ),
}
CROSS_ENTROPY = Advice(
    *("cross_entropy", "The likelihood of classes."),
    "log-loss, accuracy, area under the ROC curve",
)
ORDERED = (
    Advice("cumulative_link", "One score, and a threshold a rank.", "kappa, log-loss"),
    Advice("corn", "One threshold at a time.", "kappa, log-loss"),
)
#: From evidence on classes to the losses to try besides.
BESIDES = {
    "wrong labels": Advice("gce", "Doubtful labels pull less.", "accuracy"),
    "imbalance": Advice(
        *("logit_adjusted:posterior=balanced", "As if all classes were equally many."),
        "balanced accuracy",
    ),
}
#: From what a score rewards and evidence to what comes before the score's own loss.
BEFORE = {
    ("mean", "outliers"): "huber",
    ("mean, predicted above 0", "over-dispersion"): "negative_binomial",
    ("mean, predicted above 0", "excess zeros"): "zero_inflated_poisson",
    ("most probable class", "wrong labels"): "gce",
}


def advise_numbers(evidence, likelihoods):
    """Return the losses to try for numbers: those of the distributions that fit best.

    Parameters
    ----------
    evidence : list of Evidence
    likelihoods : dict of str to ndarray

    Returns
    -------
    list of Advice
        The best first; the default last, unless it is the best.
    """
    robust = [HUBER] if "outliers" in find_held(evidence) else []
    if not likelihoods:
        return [DEFAULT]
    best = max(likelihoods, key=lambda name: likelihoods[name].mean())
    alike = [
        name
        for name in LOSSES_OF
        if name in likelihoods
        and not compare_likelihoods(likelihoods[best], likelihoods[name]).counts
    ]
    found = [advice for name in alike for advice in LOSSES_OF[name]]
    if DEFAULT in found:
        found = [*found[: found.index(DEFAULT) + 1], *robust]
    return list({own.loss: own for own in [*found, DEFAULT]}.values())


def advise_classes(evidence, *, ordered):
    """Return the losses to try for classes.

    Parameters
    ----------
    evidence : list of Evidence
    ordered : bool

    Returns
    -------
    list of Advice
    """
    held = find_held(evidence)
    besides = [advice for name, advice in BESIDES.items() if name in held]
    return [*(ORDERED if ordered else ()), CROSS_ENTROPY, *besides]


def put_first(losses, functional, evidence, advice):
    """Return the losses of a score, those that the evidence speaks for first.

    Parameters
    ----------
    losses : list of str
        The score's own first.
    functional : str
        What the score rewards.
    evidence : list of Evidence
    advice : list of Advice
        Without a score; of several that the evidence speaks for its first comes first.
    """
    held = find_held(evidence)
    wanted = [
        loss
        for (rewarded, name), loss in BEFORE.items()
        if rewarded == functional and name in held and loss in losses
    ]
    ranked = [own.loss for own in advice if own.loss in wanted]
    return list(dict.fromkeys([*ranked, *wanted, *losses]))
