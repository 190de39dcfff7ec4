"""Exercises of chapter 7: learning."""
