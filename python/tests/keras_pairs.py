"""Models of one layer here and in Keras, and configurations made comparable."""


def listed(value):
    """Tuples as lists, as JSON has them."""
    if isinstance(value, dict):
        return {key: listed(item) for key, item in value.items()}
    return [listed(item) for item in value] if isinstance(value, (list, tuple)) else value


def without_unset(config):
    """Our configurations leave out what is None in Keras'."""
    if isinstance(config, dict):
        unset = ("activity_regularizer", "quantization_config")
        return {k: without_unset(v) for k, v in config.items() if not (k in unset and v is None)}
    return config


def model_of(k, name, options, shape):
    shapes = shape if isinstance(shape, list) else [shape]
    inputs = [k.Input(s[1:], name=f"input_{i}") for i, s in enumerate(shapes)]
    layer = getattr(k.layers, name)(**options, name="layer")
    x = layer(inputs if isinstance(shape, list) else inputs[0])
    x = k.layers.Dense(3, name="dense")(k.layers.Flatten(name="flatten")(x))
    return k.Model(inputs if isinstance(shape, list) else inputs[0], x, name="model")
