"""Cases of losses: arguments, targets, outputs, and references in NumPy."""

import itertools

import numpy as np

from swiftbn import losses
from swiftbn.masking import set_keras_mask

RANDOM = np.random.default_rng(11)
OUTPUTS = RANDOM.normal(0, 1.5, size=(6, 5))
TARGETS = RANDOM.normal(0, 1.5, size=(6, 5))
COUNTS = RANDOM.integers(0, 5, size=(6, 5)).astype("float64")
POSITIVE = RANDOM.uniform(0.1, 3, size=(6, 5))
LABELS = np.array([0, 1, 1, 0, 4, 1])
ONE_HOT = np.eye(5)[LABELS]
YES_NO = RANDOM.integers(0, 2, size=(6, 5)).astype("float64")
DISTRIBUTIONS = RANDOM.dirichlet(np.ones(5), size=6)
WEIGHTS = RANDOM.uniform(0.1, 2, size=6)
EPS = 1e-7


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


PROBABILITIES = softmax(OUTPUTS)
CHANCES = sigmoid(OUTPUTS)
VECTORS = OUTPUTS / np.linalg.norm(OUTPUTS, axis=-1, keepdims=True)


def huber(t, p, delta=1.0):
    e = np.abs(t - p)
    return np.where(e <= delta, e**2 / 2, delta * e - delta**2 / 2).mean(-1)


def focal(t, p, alpha=0.25, gamma=2.0):
    return -(alpha * (1 - p) ** gamma * t * np.log(p)).sum(-1)


def binary_focal(t, p, balanced=False, alpha=0.25, gamma=2.0, axis=-1):
    right = t * p + (1 - t) * (1 - p)
    entropy = -(t * np.log(p) + (1 - t) * np.log(1 - p))
    weight = t * alpha + (1 - t) * (1 - alpha) if balanced else 1
    return (weight * (1 - right) ** gamma * entropy).mean(axis)


def cosine(t, p, axis=-1):
    return -(t * p).sum(axis) / np.sqrt((t**2).sum(axis) * (p**2).sum(axis))


def dice(t, p, axis=None):
    return 1 - 2 * (t * p).sum(axis) / (t.sum(axis) + p.sum(axis) + EPS)


def tversky(t, p, alpha=0.5, beta=0.5, axis=None):
    common = (t * p).sum(axis)
    errors = alpha * (t * (1 - p)).sum(axis) + beta * ((1 - t) * p).sum(axis)
    return 1 - common / (common + errors + EPS)


def circle(t, p, gamma=80.0, margin=0.4, remove_diagonal=True):
    """Sample by sample, as in the paper."""
    found = []
    for i in range(len(t)):
        near, far = 0.0, 0.0
        for j in range(len(t)):
            d = max(1 - p[i] @ p[j], 0)
            if t[i] != t[j]:
                far += np.exp(gamma * max(1 + margin - d, 0) * (1 - margin - d))
            elif i != j or not remove_diagonal:
                near += np.exp(-gamma * (margin + d) * (margin - d))
        found.append(np.log1p(near * far))
    return np.array(found)


SEQUENCES = np.array([[1, 2, 0], [1, 1, 0], [3, 0, 0], [0, 0, 0], [2, 2, 1], [1, 2, 3]])
STEPS = RANDOM.normal(0, 2, size=(6, 4, 4))


def ctc(t, p):
    """The probabilities of all paths, one by one."""
    found = []
    for labels, chances in zip(t, softmax(p), strict=True):
        total = 0.0
        for path in itertools.product(range(4), repeat=4):
            joined = [k for k, _ in itertools.groupby(path) if k]
            if joined == [k for k in labels if k]:
                total += np.prod(chances[np.arange(4), path])
        found.append(-np.log(total))
    return np.array(found)


# name: (arguments, targets, outputs, reference)
CASES = {
    "mean_squared_error": ({}, TARGETS, OUTPUTS, lambda t, p: ((t - p) ** 2).mean(-1)),
    "mean_absolute_error": ({}, TARGETS, OUTPUTS, lambda t, p: np.abs(t - p).mean(-1)),
    "mean_absolute_percentage_error": (
        {},
        TARGETS,
        OUTPUTS,
        lambda t, p: 100 * np.abs((t - p) / np.maximum(np.abs(t), EPS)).mean(-1),
    ),
    "mean_squared_logarithmic_error": (
        {},
        POSITIVE,
        OUTPUTS,
        lambda t, p: ((np.log(np.maximum(t, EPS) + 1) - np.log(np.maximum(p, EPS) + 1)) ** 2).mean(-1),
    ),
    "huber": ({}, TARGETS, OUTPUTS, huber),
    "huber 0.3": ({"delta": 0.3}, TARGETS, OUTPUTS, lambda t, p: huber(t, p, 0.3)),
    "log_cosh": ({}, TARGETS, OUTPUTS, lambda t, p: np.log(np.cosh(t - p)).mean(-1)),
    "cosine_similarity": ({}, TARGETS, OUTPUTS, cosine),
    "cosine_similarity down": ({"axis": 0}, TARGETS, OUTPUTS, lambda t, p: cosine(t, p, 0)),
    "hinge": ({}, YES_NO, OUTPUTS, lambda t, p: np.maximum(1 - (2 * t - 1) * p, 0).mean(-1)),
    "hinge of signs": ({}, 2 * YES_NO - 1, OUTPUTS, lambda t, p: np.maximum(1 - t * p, 0).mean(-1)),
    "squared_hinge": ({}, YES_NO, OUTPUTS, lambda t, p: (np.maximum(1 - (2 * t - 1) * p, 0) ** 2).mean(-1)),
    "categorical_hinge": (
        {},
        ONE_HOT,
        OUTPUTS,
        lambda t, p: np.maximum(1 + ((1 - t) * p).max(-1) - (t * p).sum(-1), 0),
    ),
    "kl_divergence": ({}, DISTRIBUTIONS, PROBABILITIES, lambda t, p: (t * np.log(t / p)).sum(-1)),
    "poisson": ({}, COUNTS, POSITIVE, lambda t, p: (p - t * np.log(p + EPS)).mean(-1)),
    "categorical_focal_crossentropy": ({}, ONE_HOT, PROBABILITIES, focal),
    "categorical_focal_crossentropy by class": (
        {"alpha": [0.1, 0.2, 0.3, 0.4, 0.5], "gamma": 1.5, "label_smoothing": 0.1},
        ONE_HOT,
        PROBABILITIES,
        lambda t, p: focal(0.9 * t + 0.02, p, np.arange(0.1, 0.6, 0.1), 1.5),
    ),
    "categorical_focal_crossentropy of logits": (
        {"from_logits": True, "gamma": 0.5},
        ONE_HOT,
        OUTPUTS,
        lambda t, p: focal(t, softmax(p), gamma=0.5),
    ),
    "categorical_focal_crossentropy down": (
        {"from_logits": True, "axis": 0, "gamma": 0},
        ONE_HOT,
        OUTPUTS,
        lambda t, p: -0.25 * (t * np.log(softmax(p, 0))).sum(0),
    ),
    "binary_focal_crossentropy": ({}, YES_NO, CHANCES, binary_focal),
    "binary_focal_crossentropy balanced": (
        {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.2, "label_smoothing": 0.2},
        YES_NO,
        CHANCES,
        lambda t, p: binary_focal(0.8 * t + 0.1, p, True, 0.3, 1.2),
    ),
    "binary_focal_crossentropy of logits": (
        {"from_logits": True, "gamma": 0.5, "axis": 0},
        YES_NO,
        OUTPUTS,
        lambda t, p: binary_focal(t, sigmoid(p), gamma=0.5, axis=0),
    ),
    "categorical_generalized_cross_entropy": (
        {"q": 0.7},
        LABELS,
        PROBABILITIES,
        lambda t, p: (1 - p[np.arange(6), t] ** 0.7) / 0.7,
    ),
    "categorical_crossentropy down": (
        {"axis": 0, "label_smoothing": 0.1},
        ONE_HOT,
        CHANCES,
        lambda t, p: -((0.9 * t + 0.1 / 6) * np.log(p / p.sum(0))).sum(0),
    ),
    "sparse_categorical_crossentropy down": (
        {"axis": 0, "from_logits": True},
        LABELS[:5],
        OUTPUTS,
        lambda t, p: -np.log(softmax(p, 0))[t, np.arange(5)],
    ),
    "sparse_categorical_crossentropy but 1": (
        {"ignore_class": 1},
        LABELS,
        PROBABILITIES,
        lambda t, p: np.where(t == 1, 0, -np.log(p[np.arange(6), t])),
    ),
    "dice": ({}, YES_NO, CHANCES, dice),
    "dice of each": ({"axis": [1]}, YES_NO, CHANCES, lambda t, p: dice(t, p, 1)),
    "tversky": ({}, YES_NO, CHANCES, tversky),
    "tversky of each": (
        {"alpha": 0.2, "beta": 0.7, "axis": 1},
        YES_NO,
        CHANCES,
        lambda t, p: tversky(t, p, 0.2, 0.7, 1),
    ),
    "circle": ({}, LABELS, VECTORS, circle),
    "ctc": ({}, SEQUENCES, STEPS, ctc),
    "circle with itself": (
        {"remove_diagonal": False, "gamma": 3.0, "margin": 0.1},
        LABELS,
        VECTORS,
        lambda t, p: circle(t, p, 3.0, 0.1, False),
    ),
}


def function_of(name):
    return getattr(losses, name.split()[0])


def class_of(name):
    found = [c for c in losses._CLASSES if c.lower() == name.split()[0].replace("_", "")]
    assert len(found) == 1
    return getattr(losses, found[0])


def masked(name, arguments, targets, values):
    """Which values the mean of the class counts."""
    if name.startswith("circle"):
        return values > 0
    return targets != arguments["ignore_class"] if "ignore_class" in arguments else np.ones(np.shape(values), bool)


def with_mask(array, mask):
    array = np.array(array)
    set_keras_mask(array, mask)
    return array


CUBE = RANDOM.normal(size=(2, 3, 4))
MASK = np.array([[True, True, False], [True, False, False]])
