"""Poisoning and brigading: whose claims count, how much, and which voices are really one.

In: what people claim about answers. Out: for each claim a standing. `claims` says what a claim is, `coordination` which
claims are one campaign, `peers` what others said about the same and similar questions, `standing` how far a person is
trusted at a time, `voice` how much a standing counts in a vote.
"""
