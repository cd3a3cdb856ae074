"""What a state is worth: temporal differences on a random walk, and a risky short cut.

Five states in a row; each step goes left or right with equal odds, and a walk that ends
on the right earns 1. From the states the value is 1/6, 2/6 ... 5/6 (Sutton and Barto
2018, Example 6.2). ``TDValueRegressor`` finds it from the logged steps alone, whatever
the length of its returns.

From few walks temporal differences know more than the returns themselves: how a walk
ended is chance, what the next state is worth is the experience of all walks that passed
it. The error of a regression on whole returns is larger, by the same rows.

Then a choice: the short way home earns 10, but one time in ten it costs 60; the long
way earns 2 for sure. By the mean the short way is the better one, by the mean of the
worst tenth it is not: ``risk_level`` decides which ``predict_action`` says.
"""

import numpy as np

from skloss import FittedQRegressor, LossAwareRegressor, TDValueRegressor
from skloss.losses import Quantile

VALUES = np.arange(1, 6) / 6
STATES = np.eye(5)


def walk(n_walks, seed):
    """Return states, rewards, and by name what came after them."""
    rng, steps = np.random.default_rng(seed), []
    for number in range(n_walks):
        place = 2
        while 0 <= place <= 4:
            after = place + rng.choice([-1, 1])
            steps.append((place, float(after == 5), after, number))
            place = after
    place, reward, after, number = map(np.array, zip(*steps, strict=True))
    columns = {
        "next_X": STATES[np.clip(after, 0, 4)],  # of the ends nobody asks
        "terminal": (after < 0) | (after > 4),
        "episode": number,
    }
    return STATES[place], reward, columns


def make_net(**params):
    """Return a value for each state, without hidden layers."""
    common = {"network": (), "learning_rate": 0.01, "lr_schedule": "cosine"}
    return TDValueRegressor(
        **{"discount": 1.0, "epochs": 30, "random_state": 0, **common, **params}
    )


def measure_error(values):
    """Return the root mean square error of the values of the five states."""
    return np.sqrt(np.mean((values - VALUES) ** 2))


def compare_returns():
    """Print the values that targets of different length lead to."""
    X, y, columns = walk(2000, seed=0)
    print(f"{len(y):,} steps of 2,000 walks; the values are {VALUES.round(3)}.\n")
    kinds = {
        "one step": {},
        "four steps": {"n_steps": 4},
        "lambda 0.8, eight steps": {"n_steps": 8, "trace_decay": 0.8},
    }
    for name, params in kinds.items():
        values = make_net(**params).fit(X, y, **columns).predict(STATES)
        print(f"{name:24} {values.round(3)}, error {measure_error(values):.3f}")
        assert measure_error(values) < 0.02


def compare_with_returns(n_walks=30, repetitions=20):
    """Print the mean error from few walks: differences against whole returns."""
    errors = []
    for seed in range(repetitions):
        X, y, columns = walk(n_walks, seed)
        # without a discount, each step of a walk has the return of its end
        ends = np.flatnonzero(columns["terminal"])
        returns = y[ends][columns["episode"]]
        common = {"network": (), "learning_rate": 0.01, "epochs": 300}
        whole = LossAwareRegressor(
            lr_schedule="cosine", record=False, random_state=0, **common
        )
        step = make_net(epochs=300, record=False).fit(X, y, **columns)
        found = step.predict(STATES), whole.fit(X, returns).predict(STATES)
        errors.append([measure_error(values) for values in found])
    step, whole = np.mean(errors, axis=0)
    print(f"\nFrom {n_walks} walks, mean error of {repetitions} repetitions:")
    print(f"temporal differences {step:.3f}, whole returns {whole:.3f}")
    assert step < whole


def choose_a_way(n_trips=4000):
    """Print which way home is the better one, by the mean and by the worst tenth."""
    rng = np.random.default_rng(0)
    way = rng.choice(["long", "short"], n_trips)
    accident = (way == "short") & (rng.random(n_trips) < 0.1)
    y = np.where(way == "long", 2.0, np.where(accident, -60.0, 10.0))
    y += rng.normal(size=n_trips)
    X, home = rng.normal(size=(n_trips, 1)), np.ones(n_trips, dtype=bool)
    levels = tuple((np.arange(20) + 0.5) / 20)
    print("\nThe short way earns 10, one time in ten -60; the long way 2:")
    for risk_level, better in ((1.0, "short"), (0.1, "long")):
        net = FittedQRegressor(
            Quantile(levels), risk_level=risk_level, epochs=60, random_state=0
        )
        net.fit(X, y, action=way, next_X=X, terminal=home)
        q_values, (chosen,) = net.q_values([[0.0]])[0], net.predict_action([[0.0]])
        worth = [f"{a} {q:.1f}" for a, q in zip(net.actions_, q_values, strict=True)]
        print(f"risk_level={risk_level}: {', '.join(worth)}, so {chosen}")
        assert chosen == better


def main():
    compare_returns()
    compare_with_returns()
    choose_a_way()


if __name__ == "__main__":
    main()
