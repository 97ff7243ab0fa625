"""OTLP over HTTP: what applications already tell OpenTelemetry of their models, as events of ours.

In: log records and spans by the OpenTelemetry GenAI conventions, as protobuf or JSON. Out: the raw events that
POST /v1/events takes, which go the same way from there. What is no event is counted by reason and is no error.
"""
