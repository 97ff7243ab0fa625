"""Training and measuring the model of dissatisfaction on labelled conversations."""
