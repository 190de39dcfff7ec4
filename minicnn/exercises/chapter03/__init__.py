"""Exercises of chapter 3: the way back."""
