"""Write the table of losses in README.md from the facts on the classes.

Run ``python docs/losses_table.py`` from the repository's root after adding a loss.
"""

from pathlib import Path

from skloss.losses import Loss

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- losses -->", "<!-- /losses -->"
HEADINGS = (
    "name",
    "task",
    "formula",
    "elicits",
    "proper",
    "probabilities",
    "knobs",
    "source",
)


def table():
    """Return the Markdown table of the package's own losses."""
    rows = [HEADINGS, ["---"] * len(HEADINGS)]
    for task, losses in Loss.registry.items():
        rows += [
            facts(task, loss)
            for _, loss in sorted(losses.items())
            if loss.__module__.startswith("skloss.")
        ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def facts(task, loss):
    """Return one row: what a class says about itself, with its default knobs."""
    default = loss()
    return (
        code(loss.name),
        task,
        code(loss.formula),
        loss.elicits,
        loss.proper,
        "yes" if getattr(default, "has_probabilities", False) else "no",
        ", ".join(code(f"{k}={v!r}") for k, v in default.get_params().items()),
        loss.source,
    )


def code(text):
    """Return ``text`` as code that a table cell can hold."""
    return "`" + text.replace("|", r"\|") + "`"


def written(text):
    """Return ``text`` with the table between its markers."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    README.write_text(written(README.read_text("utf-8")), "utf-8")
