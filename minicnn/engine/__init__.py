"""How a step runs: parameters, context, plan, step, loop, progress."""
