"""Exercises of chapter 8: the whole network."""
