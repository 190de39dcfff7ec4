"""Exercises of chapter 2: im2col."""
