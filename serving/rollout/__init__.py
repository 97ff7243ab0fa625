"""The rollout: which model answers whom, and whether a challenger becomes champion. Serving decides, nobody else."""
