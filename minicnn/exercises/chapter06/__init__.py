"""Exercises of chapter 6: gradient checking."""
