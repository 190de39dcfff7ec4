"""One image through a network, forward and back, with every array in between kept.

:func:`trace` runs the layers one after another, exactly those that a fit runs but never two of them
fused into one, and returns a :class:`Trace`.
"""

from minicnn.tracing.explain import Explanation
from minicnn.tracing.maps import occlusion_map, saliency_map
from minicnn.tracing.record import LayerTrace, Trace
from minicnn.tracing.run import trace

__all__ = ["Explanation", "LayerTrace", "Trace", "occlusion_map", "saliency_map", "trace"]
