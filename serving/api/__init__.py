"""The HTTP surface: OpenAI chat completions, feedback, state. Validates at the edge; decides nothing."""
