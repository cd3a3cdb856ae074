"""What can be said about a schedule before training."""

import numpy as np

from skloss.schedules._get_schedule import get


def warnings_for(schedule, learning_rate, patience=None, epochs=None):
    """Return what the user should be warned of: settings without any effect.

    Parameters
    ----------
    schedule : None, str or Schedule
        The schedule.
    learning_rate : float
        The learning rate it starts from.
    patience : int or None, default=None
        Patience of early stopping, None without it.
    epochs : int or None, default=None
        Epochs of the training, None if they are not known.

    Returns
    -------
    list of str
    """
    return get(schedule).idle(learning_rate, patience, epochs)


def check_rates(schedule, learning_rate, epochs, steps_per_epoch):
    """Raise ``ValueError`` if a learning rate is not finite and above 0.

    Schedules whose own limits exclude that are not looked at.

    Parameters
    ----------
    schedule : None, str or Schedule
    learning_rate : float
    epochs, steps_per_epoch : int
    """
    schedule = get(schedule)
    if schedule.bounded:
        return
    rates = schedule.values(learning_rate, epochs, steps_per_epoch)
    wrong = np.flatnonzero(~(np.isfinite(rates) & (rates > 0)))
    if not len(wrong):
        return
    step = int(wrong[0])
    raise ValueError(
        f"lr_schedule={schedule!r} gives the learning rate {rates[step]:g} at step "
        f"{step} of {len(rates)}, in epoch {step // steps_per_epoch} of {epochs} (the "
        f"first is 0). Rates must be finite and above 0 to the end of the training: "
        f"raise the lowest value (such as final, alpha or a summand), or let the decay "
        f"last for all {len(rates)} steps."
    )
