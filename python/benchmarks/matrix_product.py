"""Matrix products, and a Dense layer's product with both gradients, in programs that write to arrays that exist."""

from _rows import Row, worst_error

TITLE = "matrix products"
PEERS = ("PyTorch",)

SIZES = (64, 128, 256, 512, 1024, 2048)
DENSE = (64, 1600, 128)


def rows(setting):
    import numpy as np

    rng = np.random.default_rng(0)
    for size in SIZES[:1] if setting.quick else SIZES:
        a, b = (rng.standard_normal((size, size), dtype=np.float32) for _ in range(2))
        yield _row(f"{size} x {size} x {size}", _our_product(a, b), _torch_products(setting, [(a, b)]), [(a, b)])
    n, k, m = DENSE
    x, w, dy = (rng.standard_normal(shape, dtype=np.float32) for shape in ((n, k), (k, m), (n, m)))
    products = [(x, w), (dy, w.T), (x.T, dy)]
    name = f"{n} x {k} x {m} with both gradients"
    yield _row(name, _our_dense(x, w, dy), _torch_products(setting, products), products)


def _row(name, ours, theirs, products):
    def error(found):
        return worst_error(found, [a.astype("float64") @ b.astype("float64") for a, b in products])

    return Row(name, ours, theirs, error, wanted=0.95)


def _our_product(a, b):
    from swiftbn import ops

    return _program((a, b), lambda a, b: [ops.matmul(a, b)])


def _our_dense(x, w, dy):
    from swiftbn import ops
    from swiftbn.trace import current_trace

    def describe(x, w, dy):
        y = ops.matmul(x, w)
        return [y, *current_trace().gradients([y], [x, w], [dy])]

    return _program((x, w, dy), describe)


def _program(arrays, describe):
    """What `describe` makes of the arrays, compiled; returns a function that fills the same results every time."""
    import numpy as np

    from swiftbn.trace import Trace

    with Trace() as trace:
        inputs = [trace.input(f"input{i}", a.shape, a.dtype.name) for i, a in enumerate(arrays)]
        outputs = describe(*inputs)
        program = trace.compile(outputs)
    results = tuple(np.empty(output.shape, np.float32) for output in outputs)
    return lambda: program.run(arrays, out=results)


def _torch_products(setting, products):
    if setting.peer is None:
        return None
    import torch

    pairs = [(torch.from_numpy(a), torch.from_numpy(b)) for a, b in products]
    results = [torch.empty(a.shape[0], b.shape[1]) for a, b in pairs]

    def run():
        with torch.no_grad():
            for (a, b), out in zip(pairs, results, strict=True):
                torch.mm(a, b, out=out)
        return results

    return run
