"""What pictures are drawn with: figures in one style, colour scales, and grids of numbered cells.

It knows arrays alone, no layer or model; ``tracing``, ``plots`` and ``gradcheck`` draw with it.
"""
