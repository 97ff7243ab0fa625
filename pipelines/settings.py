"""Deployment facts of the pipelines: where the lake, MLflow, Ray and Airflow are. Read once, by `Settings.load()`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from feedback.capture.settings import LOCAL_HOST, PortNumber, SharedSettings


def _prom(path: Path) -> Path:
    if path.suffix != ".prom":
        raise ValueError("its name must end in .prom, since node_exporter reads no other")
    return path


TextFile = Annotated[Path, AfterValidator(_prom)]
"""What node_exporter reads."""


class Settings(SharedSettings):
    """Shared settings and the addresses that only pipelines use; an empty one means the local stack's own."""

    lake: str | None = None
    """URL or path of the Delta tables, for example s3://bucket/lake."""
    schema_registry_url: str | None = None
    """Any registry that speaks Confluent's API; without one, records in Avro are rejected."""
    schema_registry_user: str = ""
    schema_registry_password: SecretStr = SecretStr("")
    mlflow_tracking_uri: str | None = Field(None, validation_alias="mlflow_tracking_uri")
    mlflow_port: PortNumber = 25000
    ray_address: str | None = Field(None, validation_alias="ray_address")
    airflow_home: Path | None = Field(None, validation_alias="airflow_home")
    airflow_port: PortNumber = 28080
    serving_url: str | None = None
    collector_url: str | None = None
    flink_job_endpoint: str | None = None
    """Beam's job server of a Flink, host:port; `feedwheel ingest --runner flink` submits there."""
    beam_options: str = ""
    """More options for Beam, as on a command line: parallelism, environment, project. They win over ours."""
    spark_master: str = "local[*]"
    """Spark that `feedwheel maintain --engine spark` runs on; by default one inside the process."""
    spark_options: str = ""
    """More options for Spark, `spark.name=value` each: memory, packages, credentials. They win over ours."""
    metrics_host: str = LOCAL_HOST
    """Where `feedwheel ingest --metrics-port` listens; 0.0.0.0 lets a Prometheus on another machine ask."""
    metrics_textfile: TextFile | None = None
    """Written at the end of each drain that is not part of `--follow`, for node_exporter's textfile collector."""
    data_docs: Path | None = None
    """Folder of the pages that show what the gate on feedback data found."""
    openlineage_file: Path | None = None
    """Events about runs of ingest and extract are appended here, one JSON object a line."""
    openlineage_url: str | None = Field(None, validation_alias="openlineage_url")
    """Service that these events are posted to, below /api/v1/lineage."""
    openlineage_api_key: SecretStr | None = Field(None, validation_alias="openlineage_api_key")
    openlineage_namespace: str = Field("feedwheel", validation_alias="openlineage_namespace")
    java_home: Path | None = Field(None, validation_alias="java_home")
    precision: Literal["auto", "int4", "int8", "fp32", "fp16"] = "auto"
    """Of the exported models; `auto` is fp16 where CUDA is, else int8."""
    adapters: bool = False
    """Release a trained model as an adapter of one base model, not as a model of its own: all share its memory."""

    @property
    def lake_url(self) -> str:
        """Where the tables are."""
        return self.lake or str(self.home.absolute() / "lake")

    @property
    def data_docs_folder(self) -> Path:
        """Where the gate on feedback data leaves its pages."""
        return (self.data_docs or self.home / "data-docs").absolute()

    @property
    def mlflow(self) -> str:
        """Tracking server in use."""
        return self.mlflow_tracking_uri or f"http://{LOCAL_HOST}:{self.mlflow_port}"

    @property
    def airflow(self) -> str:
        """Base URL of the Airflow API and pages."""
        return f"http://{LOCAL_HOST}:{self.airflow_port}"

    @property
    def airflow_home_in_use(self) -> Path:
        """Where Airflow keeps its database and task logs."""
        return self.airflow_home or self.home.absolute() / "airflow"

    @property
    def serving(self) -> str:
        """Base URL of the serving process."""
        return self.serving_url or f"http://{LOCAL_HOST}:{self.serving_port}"

    @property
    def collector(self) -> str:
        """Base URL of the collector."""
        return self.collector_url or f"http://{LOCAL_HOST}:{self.collector_port}"
