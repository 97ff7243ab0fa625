"""How likely an answer dissatisfied, from what both sides wrote; learned, and shipped as plain arrays.

In: an assembled conversation. Out: log-odds for each answer whose words may be read. `encoder` turns messages into
vectors, `features` what both sides wrote into numbers that mean the same in every system, `trees` those into log-odds.
`docs/dissatisfaction.md` says what it was trained on, and how well it does on systems that it has not seen.
"""
