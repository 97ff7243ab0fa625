"""What is personal in a text beyond its form: names, addresses, numbers with their words (I4).

Pure rules. Files: `spans` (types and overlaps), `lexicon` and `words` (word lists), `names`, `addresses`, `numbers`,
`indirect` (one recogniser each), `find` (all of them over one text). The language model comes in by `find.Hints`.
"""
