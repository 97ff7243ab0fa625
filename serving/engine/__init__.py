"""The engine: a model artefact and messages in, text out, token by token. Knows nothing of HTTP, events or rollouts."""
