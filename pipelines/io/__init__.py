"""Clients of the outside: Delta, Kafka, MLflow, the object store, the serving process. Nothing here decides."""
