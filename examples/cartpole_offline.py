"""A policy from a log alone: CartPole, balanced by who never touched the pole.

20,000 steps are logged by a mixture of bad policies: some push at random, others lean
to one side and now and then push at random, too; their episodes last for about 140
steps of 500. ``FittedQRegressor`` learns from this table what each push is worth, and
its best pushes hold the pole for 475 steps and more, the bar at which CartPole-v1
counts as solved. No policy is tried out while it learns, and none is chosen by how it
does. A classifier that imitates the log, which averages its follies away, does worse.

The states are scaled in a Pipeline: ``transform_input`` has scikit-learn transform
``next_X`` like X. Targets hold three rewards before a value follows: values further on
are guesses at first, and each step that is known makes the guess count less. The same
rows also say what a policy is worth before anybody tries it: ``TransitionScorer``,
carefully, since what was hardly ever seen is thought little of.

    python examples/cartpole_offline.py --seeds 0 1 2 3 4
"""

import argparse

import gymnasium
import numpy as np
import sklearn
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skloss import FittedQRegressor, LossAwareClassifier
from skloss.model_selection import TransitionScorer

N_STEPS = 20_000
N_EPISODES = 100  # by which a policy is judged
SOLVED = 475  # mean steps


def draw_policy(rng):
    """Return a policy of the log: from a state to a push, 0 to the left, 1 right."""
    if rng.random() < 0.3:
        return lambda state: rng.integers(2)
    lean, chance = rng.uniform(0, 0.06), rng.uniform(0.1, 0.6)

    def push(state):
        if rng.random() < chance:
            return rng.integers(2)
        return int(state[2] + state[3] > lean)  # the angle, and how fast it grows

    return push


def log_transitions(seed):
    """Return states, rewards, and by name what was done and came after them."""
    rng, env = np.random.default_rng(seed), gymnasium.make("CartPole-v1")
    rows, episode = [], 0
    while len(rows) < N_STEPS:
        state, _ = env.reset(seed=int(rng.integers(2**31)))
        policy, over = draw_policy(rng), False
        while not over and len(rows) < N_STEPS:
            action = int(policy(state))
            after, reward, terminal, cut_off, _ = env.step(action)
            rows.append((state, action, reward, after, terminal, episode))
            state, over = after, terminal or cut_off
        episode += 1
    X, action, y, next_X, terminal, number = map(np.array, zip(*rows, strict=True))
    columns = {"action": action, "next_X": next_X, "terminal": terminal}
    return X, y, {**columns, "episode": number}


def make_pipe(seed):
    """Return a Pipeline that learns what each push is worth."""
    net = FittedQRegressor(
        discount=0.99,
        n_steps=3,
        target_update=0.01,
        batch_size=128,
        epochs=64,
        lr_schedule="cosine",
        random_state=seed,
    )
    return make_pipeline(StandardScaler(), net, transform_input=["next_X"])


def try_policy(choose, seed):
    """Return for how many steps a policy holds the pole, in each episode."""
    envs = gymnasium.make_vec("CartPole-v1", num_envs=N_EPISODES)
    states, _ = envs.reset(seed=seed)
    lasts, steps = np.ones(N_EPISODES, dtype=bool), np.zeros(N_EPISODES)
    while lasts.any():
        states, _, terminal, cut_off, _ = envs.step(choose(states))
        steps += lasts
        lasts &= ~(terminal | cut_off)
    envs.close()
    return steps


def balance(seed):
    """Return the mean steps of a policy that is learnt from a log of its own."""
    X, y, columns = log_transitions(seed)
    logged = np.bincount(columns["episode"]).mean()
    pipe = make_pipe(seed).fit(X, y, **columns)
    expected = TransitionScorer()(pipe, X, y, **columns)
    scale, net = pipe[:-1], pipe[-1]
    steps = try_policy(lambda states: net.predict_action(scale.transform(states)), seed)
    imitator = make_pipeline(StandardScaler(), LossAwareClassifier(random_state=seed))
    imitator.set_params(lossawareclassifier__epochs=20).fit(X, columns["action"])
    print(
        f"seed {seed}: {logged:.0f} steps an episode in the log, "
        f"{try_policy(imitator.predict, seed).mean():.0f} by imitation, "
        f"{steps.mean():.0f} by the learnt policy; its discounted return is "
        f"{expected:.0f} by the log, {np.mean((1 - 0.99**steps) / (1 - 0.99)):.0f} in "
        f"fact"
    )
    return steps.mean()


def main(seeds=(0,)):
    with sklearn.config_context(enable_metadata_routing=True):
        found = np.array([balance(seed) for seed in seeds])
    solved = (found >= SOLVED).sum()
    print(f"{solved} of {len(found)} hold the pole for {SOLVED} steps or more.")
    assert solved >= 0.8 * len(found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    main(parser.parse_args().seeds)
