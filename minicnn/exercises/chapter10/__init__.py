"""Exercises of chapter 10: looking inside."""
