"""Exercises of chapter 11: fast."""
