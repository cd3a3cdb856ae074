"""One arm of ``own_loss.py`` on one split, in a process of its own.

Its argument is a JSON object with the arm as "score/name", the table, the split, the
seconds and the seed; its last line another one with what was found.
"""

import json
import sys
import warnings

from score_arms import SCORES
from score_peers import CHANGES, PEERS, tune_peer
from score_search import run_search
from score_tables import TABLES


def main(arm, table, split, seconds, seed):
    """Search, or tune a peer, and return what was found."""
    change = CHANGES.get(arm)
    name, _, arm = arm.partition("/")
    score = SCORES[name]
    table = next(found for found in TABLES[name] if found.name == table)
    if arm in score.searches:
        return run_search(score, table, split, score.searches[arm], seconds, seed)
    return tune_peer(score, table, split, PEERS[name][arm], seconds, seed, change)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of linear models that would train for longer
    print(json.dumps(main(**json.loads(sys.argv[1]))))
