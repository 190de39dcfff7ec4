"""Solutions to the exercises of chapter 10."""

import numpy as np


def my_receptive_field(steps):
    """A window of k takes in k - 1 more neighbours, which lie `apart` pixels apart."""
    field, apart = 1, 1
    for window, stride in steps:
        field += (window - 1) * apart
        apart *= stride
    return field


def my_occlusion(score, image, size, stride):
    """Cover one square after the other."""
    H, W, _ = image.shape
    whole = score(image)
    drop = np.empty(((H - size) // stride + 1, (W - size) // stride + 1))
    for i in range(drop.shape[0]):
        for j in range(drop.shape[1]):
            top, left = i * stride, j * stride
            covered = image.copy()
            covered[top : top + size, left : left + size] = 0
            drop[i, j] = whole - score(covered)
    return drop
