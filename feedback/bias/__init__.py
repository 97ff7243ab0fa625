"""What bends feedback, and how it is straightened: one file for each bias, every correction a small function.

In: arrays of what people said, with who said it and under which conditions. Out: corrected figures with 95 % intervals.
`observed` is what a report is made of, `report` puts all of them together for a data set. Pure: numpy alone.
"""
