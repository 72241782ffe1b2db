"""An ordinary chat: one or two sentences that say what they are.

Owns the wording, and the recall of what the system prompt says is remembered. It has no knowledge
and no opinion, and says so.
"""

import re

from tablestore_memory.localcloud.dashscope.clauses import language
from tablestore_memory.localcloud.dashscope.embeddings import COMMON
from tablestore_memory.localcloud.dashscope.tokens import CJK
from tablestore_memory.localcloud.dashscope.wire import Turn

MOST_MEMORIES = 3
BULLET = re.compile(r"^\s*(?:[-*•·]+|\d+[.)]|\d\d:\d\d )\s*")
"""Of a line of a list, or the time of what was said (docs/recall.md)."""
WORDING = {
    "en": (
        "As far as I remember: {}. (I am a set of local rules, not a language model.)",
        "Thank you for telling me; nothing I remember is about this. "
        "(I am a set of local rules, not a language model.)",
    ),
    "zh": (
        "我记得：{}。（我是一组本地规则，不是语言模型。）",
        "谢谢你告诉我；我的记忆里没有相关的内容。（我是一组本地规则，不是语言模型。）",
    ),
}


def answer(prompt: list[Turn]) -> str:
    """In the language of the last user message, with the memories that share its words."""
    asked = next((turn.text for turn in reversed(prompt) if turn.role == "user"), "")
    recalled, nothing = WORDING[language(asked)]
    memories = _memories(prompt, words(asked))
    separator = "；" if language(asked) == "zh" else "; "
    return recalled.format(separator.join(memories)) if memories else nothing


def _memories(prompt: list[Turn], asked: set[str]) -> list[str]:
    """Lines of the system prompt, those that share most words first."""
    lines = [
        BULLET.sub("", line).strip(" .。")
        for turn in prompt
        if turn.role == "system"
        for line in turn.text.splitlines()
        if BULLET.match(line)  # memories come as a list; the rest is instruction
    ]
    shared = {line: len(words(line) & asked) for line in lines}
    best = sorted((line for line in shared if shared[line]), key=lambda line: -shared[line])
    return best[:MOST_MEMORIES]


def words(text: str) -> set[str]:
    words = {_stem(word) for word in re.findall(r"[a-z0-9]+", text.lower()) if word not in COMMON}
    chinese = "".join(CJK.findall(text))
    pairs = {chinese[i : i + 2] for i in range(len(chinese) - 1)}
    return words | {pair for pair in pairs if not set(pair) & COMMON}


def _stem(word: str) -> str:
    """like, likes and liked are one word here."""
    return re.sub(r"(?:ing|ed|es|s|e)$", "", word) if len(word) > 3 else word
