"""The report of ``worth.py``: Markdown tables of the rows that there are."""

from arms import ARMS
from markdown import tabulate
from peers import PEERS
from ratios import compare_paired, summarise

KINDS = {"fair": "the peer with the best inner score", "oracle": "the best peer"}
MODELS = {
    "test_ensemble": "its ensemble",
    "test_folds": "its winner's folds",
    "test_refit": "its winner, fitted again",
}
SUMMARY = "mean", "90 % interval", "wins, ties, losses", "worst table"


def write_report(rows, parts, seed):
    """Return a section for each part of which there are rows.

    Parameters
    ----------
    rows : dict
        "peers" and "searches", each a list of rows (dictionaries).
    parts : dict
        Of what each part runs; "peers" says with how many seconds.
    seed : int
        Other rows are not reported.
    """
    peers, searches = {}, {}
    for row in rows["peers"]:
        if (row["seconds"], row["seed"]) == (parts["peers"].seconds, seed):
            peers.setdefault(name_split(row), {})[row["arm"]] = row
    for row in rows["searches"]:
        if row["seed"] == seed:
            arm = row["arm"], row["seconds"]
            searches.setdefault(arm, {})[name_split(row)] = row
    sections = [
        write_ratios(searches, peers, parts["auto"]),
        write_scores(searches, peers, parts["auto"]),
        write_ablation(searches, parts["ablation"]),
        write_promise(searches, parts["promise"]),
        write_timing(searches, parts["timing"]),
    ]
    return "\n\n".join(section for section in sections if section)


def name_split(row):
    return row["table"], row["split"]


def choose_peers(found):
    """Return the test scores of a split's peers: the fair one and the best."""
    fair = min(found.values(), key=lambda row: row["inner"])
    return {"fair": fair["test"], "oracle": min(row["test"] for row in found.values())}


def list_splits(part):
    return [(table, split) for table in part.tables for split in part.splits]


def select(searches, part, arm="auto"):
    """Return the rows of an arm on a part's tables, splits and seconds."""
    found = searches.get((arm, part.seconds), {})
    return {key: found[key] for key in list_splits(part) if key in found}


def write_ratios(searches, peers, part):
    """Return the search's ratios to the fair, to the best and to each peer."""
    ours = select(searches, part)
    both = [key for key in ours if len(peers.get(key, {})) == len(PEERS)]
    if not both:
        return ""
    best = {key: choose_peers(peers[key]) for key in both}
    lines = [("of, to", *SUMMARY)]
    for model, of in MODELS.items():
        for kind, text in KINDS.items():
            ratios = {key: ours[key][model] / best[key][kind] for key in both}
            lines.append((f"{of}, to {text}", *summarise(ratios).write_cells()))
    for peer in PEERS:
        ratios = {key: ours[key]["test"] / peers[key][peer]["test"] for key in both}
        lines.append((f"its ensemble, to {peer}", *summarise(ratios).write_cells()))
    return f"### Against tuned models, {part.seconds:g} s\n\n{tabulate(lines)}"


def write_scores(searches, peers, part):
    """Return the test scores of each table's splits."""
    ours, lines = select(searches, part), []
    for key in list_splits(part):
        found, own = peers.get(key, {}), ours.get(key)
        if found or own is not None:
            lines.append((*key, *write_split(found, own)))
    if not lines:
        return ""
    head = "table", "split", *PEERS, "search", "/ fair", "/ oracle", "trials"
    title = (
        "### Log-loss or RMSE of each table\n\nThe peer with the best inner score is"
    )
    return f"{title} in italics.\n\n{tabulate([head, *lines])}"


def write_split(found, own):
    """Return the cells of a split: each peer, the search, its ratios and trials."""
    cells = [f"{found[peer]['test']:.4g}" if peer in found else "" for peer in PEERS]
    if len(found) == len(PEERS):  # the one that cross-validation would choose
        chosen = min(found, key=lambda peer: found[peer]["inner"])
        place = list(PEERS).index(chosen)
        cells[place] = f"*{cells[place]}*"
    ratios = [""] * len(KINDS)
    if own is not None and len(found) == len(PEERS):
        best = choose_peers(found)
        ratios = [f"{own['test'] / best[kind]:.3f}" for kind in KINDS]
    if own is None:
        return *cells, "", *ratios, ""
    return *cells, f"{own['test']:.4g}", *ratios, own["candidates"]


def write_ablation(searches, part):
    """Return the ratios of searches that lack an ingredient to the whole one."""
    whole = select(searches, part)
    lines = []
    for arm in ARMS:
        rows = select(searches, part, arm) if arm != "auto" else {}
        ratios = {
            key: rows[key]["test"] / whole[key]["test"] for key in rows if key in whole
        }
        if ratios:
            lines.append((arm, *summarise(ratios).write_cells()))
    if not lines:
        return ""
    title = f"### Without one ingredient, over with it, {part.seconds:g} s"
    return f"{title}\n\n{tabulate([('without', *SUMMARY), *lines])}"


def write_promise(searches, part):
    """Return whether ensembles score what they say, in paired standard errors."""
    found, lines = select(searches, part), []
    for table in part.tables:
        own = [row for (name, _), row in found.items() if name == table]
        if len(own) > 1:
            mean, error = compare_paired(
                [row["promised"] for row in own], [row["test"] for row in own]
            )
            within = "yes" if abs(mean) < 2 * error else "no"
            cells = f"{mean:.4g}", f"{2 * error:.4g}", within
            lines.append((table, len(own), *cells))
    if not lines:
        return ""
    head = "table", "splits", "promised - test", "twice its standard error", "within"
    title = f"### The ensemble's own score, {part.seconds:g} s"
    return f"{title}\n\n{tabulate([head, *lines])}"


def write_timing(searches, part):
    """Return how long searches took of the seconds that they were given."""
    lines = [
        (
            table,
            f"{row['wall_seconds']:.1f}",
            f"{row['wall_seconds'] / part.seconds:.2f}",
            row["candidates"],
            f"{row['test']:.4g}",
        )
        for (table, _), row in select(searches, part).items()
    ]
    if not lines:
        return ""
    head = "table", "seconds", "of the budget", "trials", "test"
    return f"### Seconds taken of {part.seconds:g}\n\n{tabulate([head, *lines])}"
