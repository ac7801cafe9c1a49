"""Layers that prepare inputs: features, categories, images."""
