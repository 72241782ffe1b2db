"""Messages into clauses that a rule may read, each still standing verbatim in its message.

Owns sentences, clauses and what no rule may read: questions, hypotheticals, secrets, and talk to
the machine about its instructions. When in doubt, out.
"""

import re
from collections.abc import Iterator

from tablestore_memory.localcloud.dashscope.tokens import CJK

LONGEST_CLAUSE = 400  # characters; what is longer is no plain fact, and slow to match
SENTENCE_END = re.compile(
    r"(?<=[!?。！？\n])(?![!?。！？.])"
    r"|(?<=\.)(?=\s)(?<!\b(?:St|Dr|Mr|Ms|Co)\.)(?<!\b(?:Mrs|Inc|Ltd)\.)(?<!\bCorp\.)(?<![ap]\.m\.)"
)
QUESTION = re.compile(r"[?？][!.\s]*$|[吗呢么][。！\s]*$|什么|谁|哪|怎么|为何|是不是|有没有|多少")
HYPOTHETICAL = re.compile(
    r"(?i)\b(if|would|could|might|wish|maybe|perhaps|imagine|suppose|pretend|unless|should|"
    r"probably|I'd|we'd|kidding|joking|as if|not sure|hypothetically|in a dream|for example)\b"
    r"|如果|要是|假如|假设|也许|可能|或许|大概|好像|希望|但愿|想象|假装|比如|开玩笑|要不"
)
# Speech of others and of books is nobody's fact here.
QUOTED = re.compile(r"(?i)[\"“”「『]|\b(said|says|told|asked|quote|lyrics)\b|[他她](?:说|问|告诉)")
SECRET = re.compile(
    r"(?i)\b(pass ?(?:word|code|phrase)|pin|api[ _-]?keys?|secret|token|cvv|ssn|private key|"
    r"credit card|card number|iban|passport|social security)\b"
    r"|密码|密钥|口令|身份证|银行卡|信用卡|卡号|验证码|护照|私钥|令牌"
    r"|\b(?:sk|ak|pk|ghp|xox[bp])[-_]\w{6,}|\b(?:LTAI|AKIA)\w{8,}"
    r"|(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)"  # social security
    r"|(?<!\d)(?:\d[ -]?){13,19}(?!\d)|(?<!\d)\d{17}[\dXx]\b"  # cards, Chinese identity numbers
    r"|(?<![\w/])(?=[\w+/-]*\d)(?=[\w+/-]*[A-Za-z])[\w+/-]{20,}"  # keys of any other make
)
INSTRUCTION = re.compile(
    r"(?i)\b(ignore|disregard|forget|override|bypass)\b.{0,40}\b(instruction|rule|prompt|above|"
    r"previous|everything)|\b(reveal|system prompt|jailbreak|other users?|others' memor)"
    r"|(忽略|无视|忘记|忘掉).{0,20}(指令|规则|提示|要求|设定)|泄露|系统提示|其他用户|别人的记忆"
)
BOUNDARY = re.compile(
    r"\s*[;；，:：]\s*|\s+[-–—]+\s+|\s*[–—]\s*|\s*[()（）]\s*"
    r"|,?\s+(?:but|because|'?cause|cuz|so|which|although|though|(?<! a )while|whereas)(?=[\s,])"
    r"|,?\s+(?:and|&|since|'til)\s+(?=(?:it|its|it's|i|i'm|i've|we|we're|they|she|he|that|this|my|the|"
    r"there|just|now|feel|felt)\b)"
    r"|,?\s+and\s+(?=(?:live|work|love|like|hate|prefer|play|speak|study|have|am|moved)\b)"
    r"|,\s+(?=(?:it|it's|i|i'm|i've|we|we're|they|you|she|he|my|and|such|right|thanks|which|things|life|everything|everyone)\b)",
    re.IGNORECASE,
)
LEAD_IN = re.compile(
    r"(?i)^[\s,，.!~、*#>-]*(?:(?:(?:hey|hi|hello|wow|woah|yeah|yep|yes|oh|well|so|and|but|thanks|"
    r"thank you|btw|by the way|actually|also|honestly|haha|ok|okay|sure|absolutely|definitely|anyway|"
    r"plus|no|in fact|to be honest|fyi|remember(?: that)?|note(?: that)?|please remember(?: that)?|"
    r"as you know|guess what|you know|unfortunately|sadly|luckily|personally)"
    r"(?:\s+[A-Z][a-z]+)?(?:[,!.~]|\s*(?=\s(?:i|i'm|i've|my|we|we're)\b)))"
    r"|(?:你好|您好|嗨|哈喽|嗯+|哦+|啊|对了|其实|另外|还有|不过|而且|所以|因为|但是?|说实话|谢谢|顺便说一下|请记住|记住)[，,、！!\s]*)+\s*"
)


def of_message(text: str) -> Iterator[list[str]]:
    """The readable clauses of each readable sentence, verbatim (but for typographic apostrophes)."""
    for sentence in SENTENCE_END.split(text.replace("’", "'")):
        if sentence.strip() and readable(sentence):
            yield [
                clause
                for clause in BOUNDARY.split(sentence)
                if clause and clause.strip() and len(clause) <= LONGEST_CLAUSE
            ]


def readable(sentence: str) -> bool:
    """Whether a rule may look at it at all."""
    unreadable = (QUESTION, HYPOTHETICAL, QUOTED, SECRET, INSTRUCTION)
    return not any(pattern.search(sentence) for pattern in unreadable)


def without_lead_in(clause: str) -> str:
    """The clause without greetings, fillers and closing marks."""
    return LEAD_IN.sub("", clause).strip(" \t,，.。!！~、*") if clause else clause


def language(text: str) -> str:
    """`zh` for a text with Chinese characters, else `en`."""
    return "zh" if CJK.search(text) else "en"
