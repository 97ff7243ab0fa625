"""Importers: what people said elsewhere, as events of ours.

In: an export of another product. Out: events at their original times, whose ids are hashes of the export's own ids, so
that importing twice adds nothing. One conversation is in memory at a time. An export that cannot be trusted is refused
with a reason; a single part that cannot be read is counted and left out (I10).
"""
