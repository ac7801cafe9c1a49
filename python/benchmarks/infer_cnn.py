"""Inference with the documents' CNN from NumPy images to NumPy probabilities, all sides with the same weights.

Ours is `predict_on_batch`, and our fastest way: `swiftbn.jit` of what `swiftbn.fold_batch_norm` makes of the model, as
ONNX Runtime and frozen PyTorch programs also fold where they can. Peers: an ONNX graph in ONNX Runtime with its default
optimizations, PyTorch in channels-last layout, eager and compiled with frozen weights, and Keras' `predict_on_batch` on
JAX.
"""

import functools

from _cnn import (
    batch,
    channels_first_weights,
    exact_probabilities,
    keras_model,
    set_trained_like_weights,
    torch_images,
    torch_model,
)
from _rows import Row, worst_error

TITLE = "inference of the documents' CNN"
PEERS = ("ONNX Runtime", "PyTorch", "PyTorch compiled", "Keras on JAX")
PROCESSES = 3


def rows(setting):
    import swiftbn

    model = keras_model(swiftbn)
    weights = set_trained_like_weights(model)

    @functools.cache
    def compiled():
        # Not made where the peer is measured.
        folded = swiftbn.fold_batch_norm(model)
        return swiftbn.jit(lambda x: folded(x, training=False))

    predict = _predictor(setting.peer, weights, setting.threads)
    for count in (2,) if setting.quick else (1, 8, 64, 256):
        x, _ = batch(count)
        theirs = None if predict is None else lambda x=x: predict(x)
        for way, function in (
            ("jit of the folded model", lambda x: compiled()(x)),
            ("predict_on_batch", model.predict_on_batch),
        ):

            def ours(function=function, x=x):
                return function(x)

            def error(found, x=x):
                return worst_error([found], [exact_probabilities(weights, x)])

            name = f"{count} image{'s' if count > 1 else ''}, {way}"
            yield Row(name, ours, theirs, error, wanted=1.5 if way != "predict_on_batch" else None)


def _predictor(peer, weights, threads):
    """A function from images (N, H, W, C) to probabilities."""
    if peer is None:
        return None
    if peer == "ONNX Runtime":
        return _onnx_predictor(weights, threads)
    if peer.startswith("PyTorch"):
        return _torch_predictor(weights, peer == "PyTorch compiled")
    import keras

    model = keras_model(keras)
    model.set_weights(weights)
    return model.predict_on_batch


def _torch_predictor(weights, compiled):
    import torch

    model = torch.nn.Sequential(torch_model(), torch.nn.Softmax(dim=1)).eval()
    with torch.no_grad():
        # Both orders are kernel, bias, then gamma, beta, moving mean and variance.
        state = [v for name, v in model.state_dict().items() if "num_batches" not in name]
        for old, new in zip(state, channels_first_weights(weights), strict=True):
            old.copy_(torch.from_numpy(new))
    if compiled:
        import torch._inductor.config

        torch._inductor.config.freezing = True
        model = torch.compile(model, dynamic=False)

    def predict(x):
        with torch.no_grad():
            return model(torch_images(x)).numpy()

    return predict


def onnx_model(weights):
    """The CNN as an ONNX graph on images (N, 1, 28, 28)."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, initializers = [], []
    pending = iter(channels_first_weights(weights))
    current = "images"

    def parameters(count):
        names = [f"w{len(initializers) + i}" for i in range(count)]
        initializers.extend(numpy_helper.from_array(next(pending), name) for name in names)
        return names

    def add(kind, *more, **attributes):
        nonlocal current
        output = f"{kind}{len(nodes)}"
        nodes.append(helper.make_node(kind, [current, *more], [output], **attributes))
        current = output

    for _ in range(2):
        add("Conv", *parameters(2), kernel_shape=[3, 3])
        add("Relu")
        add("BatchNormalization", *parameters(4), epsilon=1e-3)
        add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    add("Flatten")
    add("Gemm", *parameters(2), transB=1)
    add("Relu")
    add("BatchNormalization", *parameters(4), epsilon=1e-3)
    add("Gemm", *parameters(2), transB=1)
    add("Softmax", axis=1)
    graph = helper.make_graph(
        nodes,
        "cnn",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 1, 28, 28])],
        [helper.make_tensor_value_info(current, TensorProto.FLOAT, ["N", 10])],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _onnx_predictor(weights, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    model = onnx_model(weights).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    # With one channel both layouts are the same memory.
    return lambda x: session.run(None, {"images": x.reshape(-1, 1, 28, 28)})[0]
