"""Exercises of chapter 12: to the GPU."""
