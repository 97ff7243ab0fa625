"""Export: a torch model to the ONNX artefact that serving runs.

In: a directory with unquantised weights, configuration and tokenizer. Out: an artefact's directory. `artefact` goes
through the steps; the builder of onnxruntime-genai makes the graphs, `smoothing` and `integers` change the one whose
products are computed in 8-bit integers; `adaptable` makes another of an artefact, whose rows may each have an adapter.
"""

from pipelines.export.artefact import Precision, export

__all__ = ["Precision", "export"]
