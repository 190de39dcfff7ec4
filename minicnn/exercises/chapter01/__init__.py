"""Exercises of chapter 1: a convolution by hand."""
