"""The data of a display as a DataFrame; pandas is optional."""


def make_frame(columns):
    """Return a pandas DataFrame of columns, or rows.

    Parameters
    ----------
    columns : dict of str to array-like, or list of dict

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "frame() needs pandas, which is not installed; install it with pip "
            "install pandas."
        ) from error
    return pd.DataFrame(columns)
