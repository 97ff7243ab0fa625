"""A server that answers as OpenAI's does, for tests of what wraps its client."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = "Your card is on its way."
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
COMMON = {"id": "chatcmpl-1", "created": 1, "model": "gpt-x-2026"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/responses"):
            self._send(200, "application/json", json.dumps({"id": "resp-1", "object": "response", "output": []}))
        elif "fail" in body["messages"][-1]["content"]:
            self._send(400, "application/json", json.dumps({"error": {"message": "no"}}))
        elif body.get("stream"):
            self._send(200, "text/event-stream", "".join(self._chunks(body)))
        else:
            self._send(200, "application/json", json.dumps(self._completion(body)))

    def _completion(self, body):
        message = {"role": "assistant", "content": ANSWER}
        if body.get("tools"):
            function = {"name": "track", "arguments": '{"card": 1}'}
            message = {"role": "assistant", "content": None}
            message["tool_calls"] = [{"id": "t", "type": "function", "function": function}]
        choices = [{"index": n, "message": message, "finish_reason": "stop"} for n in range(body.get("n") or 1)]
        return {**COMMON, "object": "chat.completion", "choices": choices, "usage": USAGE}

    def _chunks(self, body):
        pieces = [*(f"{word} " for word in ANSWER.split()[:-1]), ANSWER.split()[-1]]
        for piece in pieces:
            yield self._chunk([{"index": 0, "delta": {"content": piece}, "finish_reason": None}])
        yield self._chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        if (body.get("stream_options") or {}).get("include_usage"):
            yield self._chunk([], usage=USAGE)
        yield "data: [DONE]\n\n"

    def _chunk(self, choices, **more):
        return f"data: {json.dumps({**COMMON, 'object': 'chat.completion.chunk', 'choices': choices, **more})}\n\n"

    def _send(self, status, kind, text):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@contextmanager
def openai_server() -> Iterator[str]:
    """Base URL of a running server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
