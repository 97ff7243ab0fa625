"""The collector: whatever can send HTTP can feed the wheel.

In: events, feedback and telemetry over HTTP, from applications with a key and from browsers with a signed link. Out:
events in a spool on disk before the 2xx, and from there in Kafka (I7). Nothing personal rests anywhere (I4).
"""
