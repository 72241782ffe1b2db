"""Text generation: what the service accepts, and the rules' answer to it.

Owns the checks of a request, the choice of extraction, consolidation or chat, and the cut at
`max_tokens`. It calls no tools and gives one choice, and refuses to be asked for more.
"""

import json
import re
from dataclasses import dataclass

from tablestore_memory.localcloud.dashscope import (
    chat,
    consolidation,
    errors,
    extraction,
    tokens,
    wire,
)
from tablestore_memory.localcloud.dashscope.wire import Json, Turn

MODELS = re.compile(r"qwen-(?:plus|flash)(?:-latest|-\d{4}(?:-\d{2}-\d{2})?)?")
# Text models that were served until 10 October 2026. Source: Model Studio's notices of retired models
# (historical mainline models, snapshots, open-source models), and qwen-max is listed no more.
RETIRED = re.compile(
    r"qwen-(?:turbo|max)(?:-latest|-\d{4}(?:-\d{2}-\d{2})?)?"
    r"|qwen3-max(?:-preview|-\d{4}-\d{2}-\d{2})?"
    r"|qwen3-(?:0\.6b|1\.7b|4b|8b|14b|32b|30b-a3b|235b-a22b|next-80b-a3b)(?:-instruct(?:-\d{4})?)?"
)
MULTIMODAL = re.compile(r"qwen(?:3\.[5-9]|[4-9]).*|qwen.*-(?:vl|omni).*")
MOST_INPUT_TOKENS = 129_024  # a limit qwen-plus had; a longer prompt from a worker is a mistake


@dataclass(frozen=True)
class Generated:
    """An answer with what it cost, and how it ended: `stop` or `length`."""

    text: str
    finish_reason: str
    input_tokens: int
    output_tokens: int


def answer(body: Json, *, streaming: bool, retired_models: bool = False) -> Generated:
    """Answer by rules, in the name of `retired_models` too. Raises ServiceError as the service refuses."""
    _check_model(str(body.get("model")), retired_models)
    parameters = body.get("parameters") or {}
    prompt = wire.turns(body)
    as_json = _wants_json(parameters)
    _check(parameters, prompt, as_json=as_json, streaming=streaming)
    used = sum(tokens.count(turn.text) for turn in prompt)
    if used > MOST_INPUT_TOKENS:
        raise errors.invalid_parameter(f"Range of input length should be [1, {MOST_INPUT_TOKENS}]")
    return _cut(_text(prompt, as_json=as_json), parameters.get("max_tokens"), used)


def _text(prompt: list[Turn], *, as_json: bool) -> str:
    shown = wire.example(prompt)
    if asked := wire.data(prompt, "new_facts"):
        return _json(consolidation.answer(asked, wire.example_of(prompt, "decisions")))
    if (asked := wire.data(prompt, "messages")) and (rows := wire.rows(prompt)):
        return _json(extraction.in_rows(asked, rows))
    if asked and (as_json or shown):
        return _json(extraction.answer(asked, shown))
    text = chat.answer(prompt)
    return _json({"answer": text}) if as_json else text


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cut(text: str, limit: int | None, used: int) -> Generated:
    if limit is None or tokens.count(text) <= limit:
        return Generated(text, "stop", used, tokens.count(text))
    return Generated(tokens.cut(text, limit), "length", used, limit)


def _check_model(model: str, retired_models: bool) -> None:
    if MULTIMODAL.fullmatch(model):
        raise errors.url_error()
    if not (MODELS.fullmatch(model) or (retired_models and RETIRED.fullmatch(model))):
        raise errors.model_not_found(model)


def _wants_json(parameters: Json) -> bool:
    wish = parameters.get("response_format") or {}
    kind = wish.get("type", "text") if isinstance(wish, dict) else None
    if kind not in ("text", "json_object"):
        raise errors.invalid_parameter(f"response_format {wish} is not served by local rules.")
    return bool(kind == "json_object")


def _check(parameters: Json, prompt: list[Turn], *, as_json: bool, streaming: bool) -> None:
    thinking = bool(parameters.get("enable_thinking"))
    if thinking and not streaming:
        raise errors.invalid_parameter(
            "parameter.enable_thinking must be set to false for non-streaming calls"
        )
    if thinking and as_json:
        raise errors.invalid_parameter(
            "Json mode response is not supported when enable_thinking is true"
        )
    if as_json and not any("json" in turn.text.lower() for turn in prompt):
        raise errors.invalid_parameter(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of "
            "type 'json_object'."
        )
    if parameters.get("tools") or parameters.get("n", 1) != 1:
        raise errors.invalid_parameter("tools and n > 1 are not served by local rules.")
    limit = parameters.get("max_tokens")
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise errors.invalid_parameter("Range of max_tokens should be [1, 32768]")


def pieces(made: Generated, *, whole: bool) -> list[tuple[str, str]]:
    """The text as a stream gives it: word by word, or with `whole` all that is there so far."""
    words = re.findall(r"\s*(?:[^\s\u3400-\u9fff]+|[\u3400-\u9fff]{1,2}[，。；：（）]?)", made.text)
    ends = [sum(map(len, words[: n + 1])) for n in range(len(words))]
    ends = [*ends[:-1], len(made.text)]
    starts = [0 if whole else end for end in [0, *ends[:-1]]]
    last = len(ends) - 1
    return [
        (made.text[start:end], made.finish_reason if n == last else "null")
        for n, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]
