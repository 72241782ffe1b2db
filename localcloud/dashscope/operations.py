"""The operations: a request that was read to what is sent back.

Owns the service's envelope (`output`, `usage`, `request_id`), the events of a stream, and the faults
that spoil an answer's content.
"""

from dataclasses import dataclass

from tablestore_memory.localcloud.dashscope import embeddings, generation
from tablestore_memory.localcloud.dashscope import rerank as reranking
from tablestore_memory.localcloud.dashscope.embeddings import Embedder
from tablestore_memory.localcloud.dashscope.generation import Generated
from tablestore_memory.localcloud.dashscope.sending import Sending
from tablestore_memory.localcloud.dashscope.wire import Json
from tablestore_memory.localcloud.faults import Fault

RULES_HEADER = {"X-Local-Rules": "rules, not a language model"}


@dataclass(frozen=True)
class Asked:
    """One call, read."""

    operation: str
    body: Json
    streaming: bool
    request_id: str
    request_hash: str
    fault: Fault | None

    def suffers(self, kind: str) -> bool:
        return self.fault is not None and self.fault.kind == kind


def generate(asked: Asked, *, retired_models: bool) -> tuple[Sending, Json]:
    answer = generation.answer(asked.body, streaming=asked.streaming, retired_models=retired_models)
    made = _spoilt(answer, asked)
    parameters = asked.body.get("parameters") or {}
    usage = {
        "input_tokens": made.input_tokens,
        "output_tokens": made.output_tokens,
        "total_tokens": made.input_tokens + made.output_tokens,
    }
    as_message = parameters.get("result_format", "text") == "message"
    if asked.streaming:
        whole = not parameters.get("incremental_output", False)
        parts = [
            _envelope(asked, _output(text, finish, as_message=as_message), usage)
            for text, finish in generation.pieces(made, whole=whole)
        ]
        return Sending(200, parts, headers(asked), events=True), usage
    output = _output(made.text, made.finish_reason, as_message=as_message)
    return Sending(200, [_envelope(asked, output, usage)], headers(asked)), usage


def _spoilt(made: Generated, asked: Asked) -> Generated:
    half = made.text[: len(made.text) // 2]
    if asked.suffers("length"):
        return Generated(half, "length", made.input_tokens, made.output_tokens)
    if asked.suffers("broken-content"):
        return Generated(half, "stop", made.input_tokens, made.output_tokens)
    if asked.suffers("wrong-keys"):
        return Generated('{"unexpected": true}', "stop", made.input_tokens, made.output_tokens)
    return made


def _output(text: str, finish: str, *, as_message: bool) -> Json:
    if not as_message:
        return {"text": text, "finish_reason": finish}
    message = {"role": "assistant", "content": text}
    return {"choices": [{"finish_reason": finish, "message": message}]}


def embed(asked: Asked, *, embedder: Embedder) -> tuple[Sending, Json]:
    output, used = embeddings.answer(asked.body, embedder)
    usage = {"total_tokens": used}
    return Sending(200, [_envelope(asked, output, usage)], headers(asked)), usage


def rerank(asked: Asked) -> tuple[Sending, Json]:
    output, used = reranking.answer(asked.body)
    usage = {"total_tokens": used}
    return Sending(200, [_envelope(asked, output, usage)], headers(asked)), usage


def _envelope(asked: Asked, output: Json, usage: Json) -> Json:
    without = asked.suffers("no-output")
    return ({} if without else {"output": output}) | {
        "usage": usage,
        "request_id": asked.request_id,
    }


def headers(asked: Asked) -> dict[str, str]:
    return RULES_HEADER | {"X-Request-Hash": asked.request_hash}
