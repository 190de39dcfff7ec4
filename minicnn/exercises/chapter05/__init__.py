"""Exercises of chapter 5: dense layer, softmax and cross-entropy."""
