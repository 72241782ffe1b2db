"""What a text tells that may end what was so: an end, a change, a home or a job, of which one has one, a birth.

By words of two languages: what they miss is not asked about, and what they find too much is shown in vain. Does no
I/O.
"""

import re
from functools import cached_property

from tablestore_memory.worker.stores.memories import Memory, normalised

# Words by which people tell that something ended, and those by which they may.
_END = re.compile(
    r"\b(?:not|never|\w+n['’]t)\b[^.;]{0,60}\bany ?more\b"
    r"|\b(?:moved (?!on)|quit|quitting|stopped|gave up|no longer|anymore|died|retired|separated"
    r"|divorced|broke up|closed down|sold|last day at|laid off|got the job|starts? (?:work|at)|began at)\b"
    r"|卖了|卖掉|转让|入职|跳槽|离职|辞|下岗|裁员|失业|毕业|退[休学出役]|停[业办产]|关[门张店]|倒闭|解散"
    r"|调[到去岗动离任]|改到|搬[到家走去进离出回]|不再|再也[不没]|已经不|戒[了掉烟酒]|分[手居开]|离[婚开世]|去世|过世|走散"
)
_CHANGE = re.compile(
    r"\b(?:became|becom\w+|turned|chang\w+|switch\w+|left|instead|now|again|back|lost|married|cancel\w+|postponed|moves?"
    r"|new (?:job|boss|home|house|flat|apartment|school|phone|car))\b"
    r"|推迟|延[期后迟]|提前|换|改[成为到用期吃喝去回在做当天]|成[为了]|变[成得了]|现在|如今|目前|丢了|结婚|订婚|取消|作废"
    r"|又[去来开吃喝在]|重新|恢复|升[职为任]|当上|转[到去行业岗学]|回到|不[想用去做喝吃要].?了|没[有]?了"
)
# What somebody has one of at a time, however differently it is told: a home, a job.
_ONE_AT_A_TIME = (
    re.compile(
        r"\b(?:lives?|living|resides?) (?:in|at|near|with)\b|\b(?:flat|apartment|house|home) (?:is|in)\b"
        r"|\bmoved (?:in|to|back|home)\b|住[在到进]?|搬[到家回去进]|家在|定居"
    ),
    re.compile(
        r"\b(?:works?|working) (?:at|for|as|in)\b|\bjob\b|\bemployed\b|\bfreelance|\bunemployed\b|\bretired\b"
        r"|\b(?:is|as|became) an? (?:[\w-]+ ){1,3}(?:at|for|with)\b|\bteach(?:es|er)\b|\blast day at\b|\bboss\b"
        r"|\bhas (?:\w+ )?been (?:at|with)\b"
        r"|在[^，。]{1,30}(?<![\d〇零一二两三四五六七八九十半])(?:\d{1,2}|[一二两三四五六七八九十半]+)(?:年|个月)(?:了|多|。|$)"
        r"|工作|上班|入职|离职|跳槽|失业|退休|自由职业|老板|上司|领导"
        r"|[是当做](?:了)?[^，。]{0,8}(?:护士|老师|医生|设计师|工程师|经理)"
    ),
)
# What ends with a birth, whoever is said to have it: the mother, the father, or the child.
_BIRTH = re.compile(
    r"\bdue date\b|\bpregnan|\bexpect\w* (?:a|the|her|his|their) (?:\w+ )?(?:baby|child|son|daughter)\b"
    r"|\bgave birth\b|\b(?:was|is|are|were) born\b|预产期|怀孕|怀上|出生"
    r"|(?<![发产医学陌])生(?:了(?![气病场])|下)|分娩|临盆"
)


class Told:
    """A memory, what its text tells and whom it is about: read once, however many others it is laid beside."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.text = normalised(memory.text)
        self.whom = memory.subject or memory.said_by or ""
        self.subject = normalised(self.whom)

    @cached_property
    def ends(self) -> bool:
        return bool(_END.search(self.text))

    @cached_property
    def changes(self) -> bool:
        return bool(_CHANGE.search(self.text))

    @cached_property
    def of_birth(self) -> bool:
        return bool(_BIRTH.search(self.text))

    @cached_property
    def had_one_at_a_time(self) -> frozenset[int]:
        """Which of a home and a job it tells of."""
        return frozenset(n for n, each in enumerate(_ONE_AT_A_TIME) if each.search(self.text))

    @cached_property
    def names(self) -> frozenset[str]:
        """Of whom or what it is about: 芝麻 (Zhima) has two."""
        parts = (part.strip() for part in re.split("[()（）]", self.subject))
        return frozenset(filter(None, parts)) or frozenset({""})

    def speaks_of(self, other: "Told") -> bool:
        """Whether the text names whom or what that is about, be it itself, by whichever name; of nobody all do."""
        return any(name in self.text for name in other.names)
