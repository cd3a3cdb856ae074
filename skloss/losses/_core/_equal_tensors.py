"""Which tensors of a graph are computed alike."""


def group_equal(tensors):
    """Return lists of the places of tensors that are the same operations on the same.

    Parameters
    ----------
    tensors : list of tensor
        Of one graph; each is alone where there is none.

    Returns
    -------
    list of list of int
    """
    first, same, groups = {}, {}, {}
    for place, tensor in enumerate(tensors):
        operation = getattr(tensor, "op", None)
        if operation is None:
            groups[place] = [place]
            continue
        for one in operations_before(operation, same):
            inputs = tuple((same[x.op.name], x.value_index) for x in one.inputs)
            # what has no input or a state of its own is nothing but itself
            itself = one.name if one.type != "Const" and not inputs else None
            itself = one.name if one.op_def.is_stateful else itself
            attributes = one.node_def.attr
            described = tuple(
                (key, attributes[key].SerializeToString(deterministic=True))
                for key in sorted(attributes)
            )
            same[one.name] = first.setdefault(
                (one.type, itself, inputs, described), one.name
            )
        key = same[operation.name], tensor.value_index
        groups.setdefault(key, []).append(place)
    return list(groups.values())


def operations_before(operation, known):
    """Return an operation and those that it needs, but the known, inputs first."""
    order, waiting = {}, [operation]
    while waiting:
        one = waiting[-1]
        missing = [
            x.op
            for x in one.inputs
            if x.op.name not in known and x.op.name not in order
        ]
        if not missing or one.name in order:
            order.setdefault(one.name, one)
            waiting.pop()
        waiting.extend(missing)
    return [one for name, one in order.items() if name not in known]
