"""A training step of ResNet-20 for images of 32x32x3 (He et al. 2016, arXiv 1512.03385, section 4.2), with Adam."""

from _cnn import batch, torch_step
from _rows import Row

TITLE = "training step of ResNet-20 on 32x32x3, Adam"
PEERS = ("PyTorch",)
PROCESSES = 3

# Three stages of three blocks, each of two 3x3 convolutions.
STAGES = ((16, 1), (32, 2), (64, 2))
BLOCKS = 3


def rows(setting):
    count = 4 if setting.quick else 128
    x, y = batch(count, (32, 32, 3))
    model = our_model()
    theirs = None if setting.peer is None else torch_step(torch_model(), x, y)
    yield Row(f"batch {count}", lambda: model.train_on_batch(x, y), theirs, wanted=2, turn=0.1)


def our_model():
    import swiftbn as keras
    from swiftbn import layers

    def convolution(h, filters, stride, size=3):
        h = layers.Conv2D(filters, size, strides=stride, padding="same", use_bias=False)(h)
        return layers.BatchNormalization()(h)

    inputs = keras.Input((32, 32, 3))
    h = layers.Activation("relu")(convolution(inputs, 16, 1))
    for filters, first_stride in STAGES:
        for block in range(BLOCKS):
            stride = first_stride if block == 0 else 1
            inner = layers.Activation("relu")(convolution(h, filters, stride))
            inner = convolution(inner, filters, 1)
            shortcut = h if stride == 1 else convolution(h, filters, stride, size=1)
            h = layers.Activation("relu")(layers.Add()([inner, shortcut]))
    h = layers.GlobalAveragePooling2D()(h)
    model = keras.Model(inputs, layers.Dense(10)(h))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def torch_model():
    import torch
    from torch import nn

    def convolution(inputs, filters, stride, size=3):
        layer = nn.Conv2d(inputs, filters, size, stride=stride, padding=size // 2, bias=False)
        return nn.Sequential(layer, nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01))

    class Block(nn.Module):
        def __init__(self, inputs, filters, stride):
            super().__init__()
            self.first = convolution(inputs, filters, stride)
            self.second = convolution(filters, filters, 1)
            self.shortcut = nn.Identity() if stride == 1 else convolution(inputs, filters, stride, size=1)

        def forward(self, h):
            inner = self.second(torch.relu(self.first(h)))
            return torch.relu(inner + self.shortcut(h))

    parts = [convolution(3, 16, 1), nn.ReLU()]
    channels = 16
    for filters, first_stride in STAGES:
        for block in range(BLOCKS):
            parts.append(Block(channels, filters, first_stride if block == 0 else 1))
            channels = filters
    parts += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(*parts).to(memory_format=torch.channels_last)
