"""Names of Keras, and of scikeras and Optuna's callback, that are private there.

They are used here and nowhere else in the package. Tested with Keras 3.9, the oldest
that is supported, and 3.15; scikeras 0.13. Nothing here loads Keras: each function is
given an object of Keras' and reads it. (The private names of TensorFlow, and Keras'
counter of names, are about how they start and count, and stay where they are loaded,
in ``skloss._tensorflow``.)
"""

#: Private methods that classes of the package override, because nothing public does:
#: ``Optimizer._get_variable_index`` finds a weight's place among the moments; in
#: ``PureUpdates`` there is one weight, a matrix, whose tensor Keras does not know.
OVERRIDDEN = ("_get_variable_index",)

# -- layers and graphs ----------------------------------------------------------------


def get_producer(tensor):
    """Return the operation, mostly a layer, that gave a symbolic tensor.

    ``keras.Model.layers`` is public, but its order says nothing of which is the last.
    """
    return tensor._keras_history.operation


def get_producer_inputs(tensor):
    """Return the symbolic tensors from which its producer made a symbolic tensor.

    ``operation.input`` is public, but knows the first call of an operation only.
    """
    history = tensor._keras_history
    return history.operation._inbound_nodes[history.node_index].input_tensors


def count_calls(operation):
    """Return how often an operation was called on symbolic tensors."""
    return len(operation._inbound_nodes)


def flatten_layers(layer, *, include_self=True):
    """Return a layer and all that it holds, at any depth.

    ``layers`` is public, but lists one level, and of models alone: not what wrappers
    such as ``Bidirectional`` hold.
    """
    return list(layer._flatten_layers(include_self=include_self))


# -- losses and optimisers ------------------------------------------------------------


def get_function_arguments(loss):
    """Return the numbers of a loss of Keras'; ``get_config`` lacks some, as Huber's."""
    return getattr(loss, "_fn_kwargs", {})


def get_rate_or_schedule(optimizer):
    """Return an optimiser's learning rate as a variable, or its schedule itself.

    ``learning_rate`` is public, but gives a schedule's present value.
    """
    return getattr(optimizer, "_learning_rate", None)


# -- training and its callbacks -------------------------------------------------------


def get_initial_epoch(model):
    """Return the epoch at which ``BackupAndRestore`` wants training to go on.

    That is how it tells ``Model.fit``; its file is not read another way.
    """
    return model._initial_epoch


def get_model(callback):
    """Return a callback's model, None also where its constructor called no other."""
    return vars(callback).get("_model")


def forget_model(callback):
    """Take the model from a callback; ``set_model`` would write TensorBoard's graph."""
    callback._model = None


def traces_batches(tensorboard):
    """Tell whether a TensorBoard profiles batches, as its ``profile_batch`` says.

    That argument may be a number, a pair or text, and is not kept.
    """
    return tensorboard._should_trace


def get_monitor(callback):
    """Return what a callback watches, or None; Optuna's keeps it privately."""
    return getattr(callback, "monitor", getattr(callback, "_monitor", None))


# -- scikeras: what a wrapper makes of its parameters before it has seen data ---------


def get_wrapper_callbacks(wrapper):
    """Return the callbacks that a scikeras wrapper would give to ``Model.fit``."""
    wrapper._initialize_callbacks()
    return wrapper._fit_callbacks


def get_compile_arguments(wrapper):
    """Return what a scikeras wrapper would give to ``Model.compile``."""
    return wrapper._get_compile_kwargs()


def get_model_function(wrapper):
    """Return the function by which a scikeras wrapper makes its model."""
    return wrapper._check_model_param()
