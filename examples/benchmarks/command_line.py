"""The command line of a benchmark."""

import argparse


def make_parser(text):
    """Return a parser that is described by the docstring of a script."""
    first, _, rest = text.partition("\n\n")
    return argparse.ArgumentParser(
        description=first,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
