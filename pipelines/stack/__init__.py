"""The local stack: real Kafka, MLflow, serving and Airflow on one machine, each a process group of its own."""
