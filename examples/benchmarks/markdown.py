"""Tables in Markdown."""


def tabulate(lines):
    """Return a Markdown table of lines of cells, the first of which are headings."""
    lines = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
