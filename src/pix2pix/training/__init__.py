"""From batches to a model: the step, the loop, and the folder of a run."""
