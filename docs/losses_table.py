"""Write what the documentation says of the losses, from the facts on the classes.

Run ``python docs/losses_table.py`` from the repository's root after adding a loss. It
writes the table in README.md, and the pages docs/losses.md and
docs/choosing_a_loss.md.
"""

import inspect
import sys
from pathlib import Path

from skloss.estimators._representation_target import Y_OPTIONS
from skloss.losses import (
    ClassificationLoss,
    Loss,
    RepresentationLoss,
    Task,
    UnlabelledLoss,
)
from skloss.model_selection._rewards import REWARDS

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- losses -->", "<!-- /losses -->"
ARGUMENTS = {  # of scores that reward something else with others
    "mean_pinball_loss": {"alpha": 0.9},
    "d2_pinball_score": {"alpha": 0.9},
    "mean_tweedie_deviance": {"power": 1.5},
    "d2_tweedie_score": {"power": 1.5},
    "fbeta_score": {"beta": 2.0},
    "cohen_kappa_score": {"weights": "quadratic"},
}


def catalogue(task=None):
    """Return the package's own losses, default instances, by task and name."""
    return [
        cls()
        for family, found in Loss.registry.items()
        for _, cls in sorted(found.items())
        if cls.__module__.startswith("skloss.") and task in (None, family)
    ]


def code(text):
    """Return ``text`` as code that a table cell can hold."""
    return "`" + str(text).replace("|", r"\|") + "`"


def yes(fact):
    """Return a fact as a word."""
    return "yes" if fact else "no"


def markdown(headings, rows):
    """Return a Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def gives(loss):
    """Return what comes with a loss beside the prediction."""
    if isinstance(loss, UnlabelledLoss):
        return "labels of rows"
    if isinstance(loss, RepresentationLoss):
        if loss.has_density:
            return "density"
        return "unit vectors" if loss.normalizes else "coordinates"
    if isinstance(loss, ClassificationLoss):
        return "probabilities" if loss.has_probabilities else "scores"
    if loss.has_distribution:
        return "distribution"
    return "quantiles" if loss.has_quantiles else "point"


def raw_outputs(loss):
    """Return how many raw outputs a loss asks for, in words."""
    if isinstance(loss, UnlabelledLoss):
        return "the loss's"
    if isinstance(loss, RepresentationLoss):
        return "`n_components`"
    if not isinstance(loss, ClassificationLoss):
        count = loss.n_raw(Task("regression", 1))
        return f"{count} a target"
    words = {"binary": "1 for two classes", "multilabel": "1 a label"}
    found = [words[kind] for kind in ("binary", "multilabel") if kind in loss.kinds]
    if "multiclass" in loss.kinds:
        less = loss.n_raw(Task("multiclass", 7)) - 7
        found.insert(0, "K" if less == 0 else f"K {less:+d}".replace("-", "- "))
    return ", ".join(found)


def asks_of(loss):
    """Return what a loss needs y to be."""
    if isinstance(loss, UnlabelledLoss):
        return "missing"
    if isinstance(loss, RepresentationLoss):
        return loss.target if loss.target in Y_OPTIONS else "not needed"
    return getattr(loss, "domain", " or ".join(loss.kinds))


def knobs(loss):
    """Return the parameters with defaults, and with ranges to search where known."""
    shown = []
    for name, value in loss.get_params(deep=False).items():
        low, high, scale = loss.search_space.get(name, (None, None, None))
        text = code(f"{name}={value!r}")
        shown.append(text if low is None else f"{text} ({low:g} to {high:g}, {scale})")
    return ", ".join(shown)


def front_page():
    """Return the short table of README.md."""
    rows = [
        (code(x.name), x.family, x.elicits, x.proper, gives(x), x.source)
        for x in catalogue()
    ]
    headings = ("name", "task", "elicits", "proper", "gives", "source")
    return markdown(headings, rows)


def written(text):
    """Return README's text with the table between its markers."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{front_page()}\n{END}{after}"


FACTS = (
    ("name", lambda x: code(x.name)),
    ("formula", lambda x: code(x.formula)),
    ("knobs", knobs),
    ("raw outputs", raw_outputs),
    ("elicits", lambda x: x.elicits),
    ("proper", lambda x: x.proper),
    ("robust", lambda x: yes(x.robust)),
    ("convex", lambda x: yes(x.convex)),
    ("gradient", lambda x: x.gradient_growth),
    ("y", asks_of),
    ("gives", gives),
    ("other names", lambda x: ", ".join(map(code, x.aliases))),
    ("source", lambda x: x.source),
)


def losses_page():
    """Return docs/losses.md: every fact of every loss, family by family."""
    parts = [
        "# The losses\n\nMade from the facts on the classes by `docs/losses_table.py`. "
        "Formulas are in the raw outputs of the network: `f` or `z`, `t` the one-hot "
        "target, `v = softmax(z)`, `v_y` its entry for the true class, `r = y - f`; "
        "the docstring of each class says the rest. *Knobs* come with defaults and "
        "the range worth searching. *Robust*: one row's influence is bounded, or label "
        "noise is known to be tolerated. *Convex*: in the raw outputs. *Gradient*: how "
        "it grows far from the optimum. *y*: the targets it is for. Losses of "
        "representations are those of `LossAwareTransformer`; `d` is the distance of "
        "two rows, `s` their cosine divided by the temperature. Losses of rows without "
        "a label are those of `unlabeled_loss`; `p` are the probabilities that follow "
        "from the loss beside them."
    ]
    for task in Loss.registry:
        families = {}
        for loss in catalogue(task):
            families.setdefault(type(loss).__module__, []).append(loss)
        for module, found in sorted(families.items()):
            title = inspect.getdoc(sys.modules[module]).splitlines()[0].rstrip(".")
            rows = [[write(x) for _, write in FACTS] for x in found]
            table = markdown([name for name, _ in FACTS], rows)
            parts.append(f"## {task.capitalize()}: {title}\n\n{table}")
    return "\n\n".join(parts) + "\n"


def listed(losses):
    """Return names as a sentence's end."""
    return ", ".join(code(x.name) for x in losses) or "none yet"


def score_section():
    """Return which losses there are for which score."""
    found = {}
    for name, reward in REWARDS.items():
        arguments = ARGUMENTS.get(name, {})
        reward = reward(arguments) if callable(reward) else reward
        shown = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        score = code(f"{name}({shown})" if shown else name)
        names = ", ".join(map(code, reward.reasons))
        found.setdefault((reward.functional, names), []).append(score)
    rows = [(", ".join(scores), *reward) for reward, scores in found.items()]
    return (
        "## Start from what you will be judged by\n\n"
        "A loss is only worth comparing on a score that does not depend on it. Choose "
        "the score first; the loss that elicits what the score rewards is the "
        "candidate to beat. Give each candidate the same search: the same epochs, "
        "learning rates and penalties. Where a score is itself a loss (log-loss, "
        "squared error) others add nothing on clean data; where it is another one, or "
        "labels and numbers are wrong, the loss is what to search.\n\n"
        "`loss_space(y, scoring=...)` offers the losses of this table that fit y and "
        "give what the score reads, with the reasons; those of ordered classes where y "
        "is an ordered categorical, or the score has ranks. For balanced accuracy "
        "`class_weight='balanced'` goes with losses that do not leave the frequencies "
        "out by themselves. F scores and their like are best by a threshold that "
        "depends on the best score itself: no loss decides by it but the score made "
        "smooth. The others have a number that moves the threshold, or leave it to "
        "`TunedThresholdClassifierCV`.\n\n"
        "`recommend_losses(X, y, scoring=...)` puts first what y and the residuals of "
        'a quick model speak for, and says why; `loss="auto"` takes it in each fit. '
        "`compare_losses(estimator, X, y, losses)` says which differences are more "
        "than luck; `python examples/choosing_a_loss.py` goes the whole way.\n\n"
        + markdown(("score", "rewards the", "losses"), rows)
    )


def choosing_page():
    """Return docs/choosing_a_loss.md: questions, answered from the facts."""
    classes, numbers = catalogue("classification"), catalogue("regression")
    by_functional, by_domain = {}, {}
    for loss in numbers:
        by_functional.setdefault(loss.elicits, []).append(loss)
        by_domain.setdefault(loss.domain, []).append(loss)
    multiplying = [x for x in numbers if x.exponential]
    sections = [
        (
            "Classification: do you need probabilities?",
            "`strict` losses give them by their usual link, `link` losses through an "
            "exact inverse of their own. Both are honest only as far as training gets.",
            [
                ("strict", [x for x in classes if x.proper == "strict"]),
                ("link", [x for x in classes if x.proper == "link"]),
                (
                    "decisions only (probabilities by `CalibratedClassifierCV`)",
                    [x for x in classes if not x.has_probabilities],
                ),
            ],
        ),
        (
            "Classification: what is special about the target?",
            "Wrong labels, ordered classes and several labels a row have losses of "
            "their own. For rare classes try a decision threshold "
            "(`TunedThresholdClassifierCV`) first: it costs nothing.",
            [
                ("wrong labels", [x for x in classes if x.robust]),
                ("ordered classes", [x for x in classes if getattr(x, "ordered", 0)]),
                ("class frequencies enter", [x for x in classes if x.measured]),
                (
                    "several labels: all losses but",
                    [x for x in classes if "multilabel" not in x.kinds],
                ),
                ("a score of the batch", [x for x in classes if not x.decomposable]),
            ],
        ),
        (
            "Regression: what should `predict` estimate?",
            "The minimiser of a loss is a property of the conditional distribution. "
            "Two losses that estimate different properties do not compete.",
            sorted(by_functional.items()),
        ),
        (
            "Regression: what values can y take?",
            "Losses for a narrower range use it: their predictions stay inside.",
            list(by_domain.items()),
        ),
        (
            "Regression: rows unlike those of the training",
            "Where an exponential makes a prediction of a raw output, or the scale of "
            "a distribution, a faulty row would be predicted a thousand times too high "
            "or too low. So these outputs stay within their range on the training "
            "rows and a margin, `output_margin`. All others are linear far out, or "
            "level off.",
            [
                ("predictions", [x for x in multiplying if 0 in x.exponential]),
                (
                    "scales of distributions",
                    [x for x in multiplying if {*x.exponential} - {0}],
                ),
            ],
        ),
        (
            "Regression: outliers, intervals",
            "A robust loss lets no single row pull far. A distribution gives "
            "`predict_dist`, `predict_quantiles` and `predict_interval`.",
            [
                ("robust", [x for x in numbers if x.robust]),
                ("distribution", [x for x in numbers if x.has_distribution]),
                ("quantiles", [x for x in numbers if gives(x) == "quantiles"]),
            ],
        ),
    ]
    shaping = catalogue("representation")
    sections.append(
        (
            "Representations: what makes rows alike?",
            "`LossAwareTransformer` is a step before another estimator. What needs y "
            "learns from it alone; what needs none learns from all rows.",
            [
                ("rows of a class", [x for x in shaping if x.target == "classes"]),
                ("near numbers", [x for x in shaping if x.target == "numbers"]),
                ("the same row, corrupted", [x for x in shaping if x.target is None]),
                ("rows that come back", [x for x in shaping if x.target == "features"]),
            ],
        )
    )
    teaching = catalogue("unlabelled")
    sections.append(
        (
            "Rows without a label: what are they to teach?",
            "`LossAwareClassifier(unlabeled_loss=...)`, beside any loss that gives "
            "probabilities. What each is worth on eleven tables is in "
            "[few_labels.md](few_labels.md).",
            [
                ("one view of a row", [x for x in teaching if len(x.views) == 1]),
                (
                    "a row and the same, corrupted",
                    [x for x in teaching if len(x.views) > 1],
                ),
            ],
        )
    )
    text = (
        "# Choosing a loss\n\nMade from the facts on the classes by "
        "`docs/losses_table.py`. All numbers of a loss are in [losses.md](losses.md)."
        f"\n\n{score_section()}"
    )
    for title, words, choices in sections:
        text += f"\n\n## {title}\n\n{words}"
        rows = [(answer, listed(found)) for answer, found in choices]
        text += "\n\n" + markdown(("answer", "losses"), rows)
    return text + "\n"


PAGES = {
    ROOT / "docs" / "losses.md": losses_page,
    ROOT / "docs" / "choosing_a_loss.md": choosing_page,
}

if __name__ == "__main__":
    README.write_text(written(README.read_text("utf-8")), "utf-8")
    for path, page in PAGES.items():
        path.write_text(page(), "utf-8")
