"""Exercises of chapter 9: colour and overfitting."""
