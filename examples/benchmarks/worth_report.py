"""The report of ``worth.py``: Markdown tables of the rows that there are."""

from arms import ARMS
from peers import PEERS
from ratios import compare_paired, summarise

KINDS = {"fair": "peer chosen by inner score", "oracle": "best peer by test score"}
MODELS = {
    "test_ensemble": "its ensemble",
    "test_folds": "its winner's folds",
    "test_refit": "its winner, fitted again",
}


def print_report(rows, parts, seed):
    """Print a section for each part of which there are rows.

    Parameters
    ----------
    rows : dict
        "peers" and "searches", each a Rows.
    parts : dict
        Of what each part runs; "peers" says with how many seconds.
    seed : int
        Other rows are not reported.
    """
    peers = {}
    for row in rows["peers"].newest():
        if (row["seconds"], row["seed"]) == (parts["peers"].seconds, seed):
            peers.setdefault(name_split(row), {})[row["arm"]] = row
    searches = {}
    for row in rows["searches"].newest():
        if row["seed"] == seed:
            arm = row["arm"], row["seconds"]
            searches.setdefault(arm, {})[name_split(row)] = row
    print_commits(rows)
    print_tables(searches, peers, parts["auto"])
    print_ratios(searches, peers, parts["auto"])
    print_ablation(searches, parts["ablation"])
    print_promise(searches, parts["promise"])
    print_timing(searches, parts["timing"])


def name_split(row):
    return row["table"], row["split"]


def print_commits(rows):
    """Print of which code the rows are, and how many are of code that has changed."""
    for name, kept in rows.items():
        newest = kept.newest()
        old = sum(not kept.is_current(row) for row in newest)
        commits = ", ".join(sorted({row["commit"] for row in newest}))
        print(f"{len(newest)} rows of {name}, {old} of them of older code ({commits}).")


def choose_peers(found):
    """Return the test scores of a split's peers: the fair one and the best."""
    fair = min(found.values(), key=lambda row: row["inner"])
    return {"fair": fair["test"], "oracle": min(row["test"] for row in found.values())}


def select(searches, part, arm="auto"):
    """Return the rows of an arm on a part's tables, splits and seconds."""
    found = searches.get((arm, part.seconds), {})
    wanted = ((table, split) for table in part.tables for split in part.splits)
    return {key: found[key] for key in wanted if key in found}


def print_tables(searches, peers, part):
    """Print the test scores of each table's splits."""
    ours = select(searches, part)
    wanted = [(table, split) for table in part.tables for split in part.splits]
    print("\n## Test scores (log-loss or RMSE)\n")
    print_row("table", "split", *PEERS, "search", "/ fair", "/ oracle", "trials")
    print_row(*["---"] * (len(PEERS) + 6))
    for key in wanted:
        found, own = peers.get(key, {}), ours.get(key)
        if not found and own is None:
            continue
        cells = [
            f"{found[peer]['test']:.4g}" if peer in found else "" for peer in PEERS
        ]
        if found:  # the one that cross-validation would choose
            chosen = min(found, key=lambda peer: found[peer]["inner"])
            place = list(PEERS).index(chosen)
            cells[place] = f"*{cells[place]}*"
        cells += ["" if own is None else f"{own['test']:.4g}"]
        if own is not None and len(found) == len(PEERS):
            best = choose_peers(found)
            cells += [f"{own['test'] / best[kind]:.3f}" for kind in KINDS]
        else:
            cells += [""] * len(KINDS)
        print_row(*key, *cells, "" if own is None else own["candidates"])


def print_ratios(searches, peers, part):
    """Print the search's ratios to the fair and to the best peer."""
    ours = select(searches, part)
    both = [key for key in ours if len(peers.get(key, {})) == len(PEERS)]
    if not both:
        return
    print(f"\n## The search against tuned peers, {part.seconds:g} s\n")
    print_head("of, to")
    for model, of in MODELS.items():
        for kind, text in KINDS.items():
            ratios = {
                key: ours[key][model] / choose_peers(peers[key])[kind]
                for key in both
                if model in ours[key]
            }
            print_summary(f"{of}, to the {text}", ratios)
    for peer in PEERS:
        ratios = {key: ours[key]["test"] / peers[key][peer]["test"] for key in both}
        print_summary(f"its ensemble, to {peer}", ratios)


def print_ablation(searches, part):
    """Print the ratios of searches that lack an ingredient to the whole one."""
    whole = select(searches, part)
    found = {arm: select(searches, part, arm) for arm in ARMS if arm != "auto"}
    if not whole or not any(found.values()):
        return
    print(f"\n## Without one ingredient, over with it, {part.seconds:g} s\n")
    print_head("without, over with")
    for arm, rows in found.items():
        ratios = {
            key: rows[key]["test"] / whole[key]["test"] for key in rows if key in whole
        }
        print_summary(arm, ratios)


def print_promise(searches, part):
    """Print whether ensembles score what they say, in paired standard errors."""
    found = select(searches, part)
    if not found:
        return
    print(f"\n## The ensemble's own score, {part.seconds:g} s\n")
    print_row(
        "table", "splits", "promised - test", "twice its standard error", "within"
    )
    print_row(*["---"] * 5)
    for table in part.tables:
        own = [row for (name, _), row in found.items() if name == table]
        if len(own) > 1:
            mean, error = compare_paired(
                [row["promised"] for row in own], [row["test"] for row in own]
            )
            within = "yes" if abs(mean) < 2 * error else "no"
            print_row(table, len(own), f"{mean:.4g}", f"{2 * error:.4g}", within)


def print_timing(searches, part):
    """Print how long searches took of the seconds that they were given."""
    found = select(searches, part)
    if not found:
        return
    print(f"\n## Seconds taken of {part.seconds:g}\n")
    print_row("table", "seconds", "of the budget", "trials", "pruned", "test")
    print_row(*["---"] * 6)
    for (table, _), row in found.items():
        taken = row["wall_seconds"]
        counts = row["candidates"], row["pruned"]
        cells = f"{taken:.1f}", f"{taken / part.seconds:.2f}", *counts
        print_row(table, *cells, f"{row['test']:.4g}")


def print_head(first):
    print_row(first, "mean", "90 % interval", "wins", "ties", "losses", "worst table")
    print_row(*["---"] * 7)


def print_summary(label, ratios):
    """Print the summary of ratios as a row, if there are any."""
    if ratios:
        found = summarise(ratios)
        interval = f"{found.low:.3f} to {found.high:.3f}"
        counts = found.wins, found.ties, found.losses
        worst = f"{found.worst} {found.worst_mean:.3f}"
        print_row(label, f"{found.mean:.3f}", interval, *counts, worst)


def print_row(*cells):
    print("| " + " | ".join(map(str, cells)) + " |")
