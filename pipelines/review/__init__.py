"""Review: people of the operator's look at answers and judge them by the application's rubric.

In: admitted answers of people who evaluate. Out: rows of ops/reviews, and what they say. `desk` is the queue and the
record, asked by the terminal (`pipelines.cli.review`) and by the `page` alike.
"""
