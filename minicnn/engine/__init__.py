"""How a step runs: data, parameters, stages, plan, step, runners, totals, loop."""
