"""Exercises of chapter 4: ReLU and max-pooling."""
