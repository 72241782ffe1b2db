"""The rules that find facts: one line each, English first, then Chinese.

A rule is a kind, a pattern for a whole clause, and how the fact reads. Named groups of the pattern
fill the wording: `x` and `y` as they stand, with the speaker named for I and my; `v` a verb, which
`vs` gives in the third person; `we` turns the speaker into the speaker and others. Chinese needs no
such care: there a fact is the clause itself with the speaker's name for 我. `dated` rules hold only
with a date, and `future` ones read open dates ("on Friday") forward.
"""

# ruff: noqa: E501 - a rule reads as one line of a table

import re
from dataclasses import dataclass, field

OFTEN = r"(?:really|also|just|still|always|absolutely|totally|truly|usually|often|currently|now|especially|particularly|definitely|finally|recently|actually|even|already|all|both|both of us|mostly|mainly|secretly|kinda|only|never)"
SUBJECT = rf"(?:i|(?P<we>we))(?: {OFTEN})*"
AM = rf"(?:i'm|i am|im|(?P<we>we're|we are))(?: {OFTEN}| originally| very| super| so| severely| pretty)*"
HAVE = rf"(?:i've|i have|(?P<we>we've|we have))(?: {OFTEN})*"
FAMILY = r"(?:mother|mom|mum|father|dad|parents|brother|sister|son|daughter|wife|husband|partner|boyfriend|girlfriend|fiancée?|grandma|grandmother|grandpa|grandfather|aunt|uncle|cousin|niece|nephew|kids?|child|children|twins?|baby|roommate|best friend|boss|mentor)"
PET = r"(?:dogs?|cats?|pups?|kitty|kitties|puppy|puppies|kittens?|hamsters?|rabbits?|bunn(?:y|ies)|parrots?|birds?|fish|turtles?|tortoises?|horses?|pets?|guinea pigs?|lizards?|snakes?)"
JOB = r"(?:nurse|doctor|teacher|engineer|developer|programmer|designer|student|lawyer|chef|cook|baker|writer|author|journalist|artist|painter|musician|singer|dancer|actor|actress|scientist|researcher|professor|manager|consultant|accountant|banker|architect|mechanic|electrician|plumber|driver|pilot|farmer|police officer|firefighter|soldier|veterinarian|vet|dentist|pharmacist|therapist|psychologist|counselor|social worker|translator|librarian|photographer|analyst|entrepreneur|freelancer|salesperson|waiter|waitress|bartender|barista|coach|trainer|carpenter|tailor|cashier|intern|founder|ceo|cto|product manager|data scientist|postdoc|plumber|paramedic|surgeon|midwife|gardener|biologist|chemist|physicist|mathematician|economist|editor)"
APPOINTMENT = r"(?:appointment|meeting|interview|exam|test|date|flight|trip|wedding|concert|class|party|deadline|presentation|surgery|game|match|performance|show|gig|conference|recital|ceremony|visit)"
COUNT = r"(?:a|an|one|two|three|four|five|six|seven|eight|nine|ten|\d{1,2}|twin)"
DID = r"(?:\w{2,}ed|went|took|got|had|ran|made|met|saw|bought|won|lost|gave|wrote|read|sang|swam|flew|drove|rode|taught|found|began|built|ate|drank|spent|left|quit|held|led|came|cut|caught|chose|fell|hit|sold|sent|threw|wore|did|was in|was at|were in|were at)"
# Verbs of the mind and of speech, whose objects are no events.
NOT_DID = r"(?!(?:wanted|needed|hoped|wished|guessed|believed|supposed|seemed|agreed|appreciated|loved|liked|mentioned|remembered|noticed|realized|realised|used|looked|talked|chatted|missed|indeed|red|bed|kid|felt|had to|got to|got an? (?:error|bug|message|email|call)|updated|fixed|tested|deployed|merged|committed|pushed|installed|went over|went through|moved on|moved the|was in an? (?:meeting|call|hurry|rush)|made it|had a (?:good|great|nice|bad|rough|tough|hard) day)\b)"
# What a plan is: not "going to be fine".
WILL_DO = r"(?!(?:send|check|show|tell|ask|give|text|email|look|watch|update|fix|test|try|review|an?|the|my|our|some|this|that|these|see|be|have to|need|try to|keep|get|miss|love|like|let|see you|call you|help you|do my best|make sure|never|always|cherish|check it|look)\b)"


@dataclass(frozen=True)
class Rule:
    """What a clause of this pattern says, and the wording of the fact."""

    kind: str
    pattern: str
    text: str = "{clause}"
    dated: bool = False
    future: bool = False
    dates: bool = True  # False: dates stay as they were said, such as a birthday
    compiled: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "compiled", re.compile(self.pattern, re.IGNORECASE))


# fmt: off
ENGLISH = [
    Rule("instruction", r"(?:please |from now on,? |always )+(?:answer|reply|respond|write)(?: to me)? (?P<x>in (?:short|simple|bullet|plain|english|chinese|french|german|spanish|japanese)\b.*)", "{who} wants answers {x}"),

    Rule("profile", r"my (?:full |first |real )?name(?:'s| is) (?P<x>(?-i:[A-Z])[\w'-]*(?: (?-i:[A-Z])[\w'-]*){0,2})", "{who}'s name is {x}"),
    Rule("profile", r"(?:you can |please |just |everyone |people )*calls? me (?P<x>(?-i:[A-Z])[\w'-]+)", "{who} is called {x}"),
    Rule("profile", r"(?:i'm|i am) (?P<x>(?-i:[A-Z][a-z]{2,}))(?<!an)(?<!ese)(?<!ish)(?<!ist)(?<!ic)(?<!ch)(?<!im)(?<!ed)(?<!ing)(?<!y)(?<!fine)(?<!good)(?<!here)(?<!back)(?<!done)(?<!sure)(?<!late)", "{who}'s name is {x}"),
    Rule("profile", r"my birthday(?:'s| is)(?: on| in)? (?P<x>.*(?:\d|january|february|march|april|may|june|july|august|september|october|november|december).*)", "{who}'s birthday is {x}", dates=False),
    Rule("profile", r"i was born (?P<x>(?:on|in) .+)", "{who} was born {x}", dates=False),
    Rule("profile", r"(?:i'm|i am) (?P<x>\d{1,3}) ?(?:years old|yo)", "{who} is {x} years old"),
    Rule("profile", rf"{SUBJECT} (?P<v>live) (?P<x>(?:in|at|near|with|on) (?!hope|fear|peace|denial|the moment|the past).+)", "{who} {vs} {x}"),
    Rule("profile", rf"{AM} living (?P<x>(?:in|at|near) .+)", "{who} {be} living {x}"),
    Rule("event", rf"{SUBJECT} moved (?:here |back |over )?(?P<x>(?:to|from|into) .+)", "{who} moved {x}"),
    Rule("profile", rf"{AM} from (?P<x>(?-i:[A-Z]).+)", "{who} {be} from {x}"),
    Rule("profile", rf"{SUBJECT} grew up (?P<x>(?:in|on|near) .+)", "{who} grew up {x}"),
    Rule("profile", rf"{SUBJECT} (?P<v>work) (?P<x>(?:as|at|for|in) (?!night|free|vain|silence).+)", "{who} {vs} {x}"),
    Rule("profile", rf"{AM} working (?P<x>(?:as|at|for) .+)", "{who} {be} working {x}"),
    Rule("profile", rf"{AM} (?P<x>an? (?!.*\bfan\b)(?:[\w-]+ ){{0,3}}{JOB}\b.*)", "{who} {be} {x}"),
    Rule("profile", r"my (?:job|profession|occupation) is (?P<x>.+)", "{who}'s job is {x}"),
    Rule("profile", rf"{AM} (?P<x>an? (?:single |proud |new )*(?:mom|mum|mother|dad|father|parent|widow|widower|vegetarian|vegan)\b.*)", "{who} {be} {x}"),
    Rule("profile", rf"{AM} (?P<x>(?:married|divorced|engaged|single|pregnant|retired|vegetarian|vegan|diabetic|left-handed|colou?r-?blind|lactose intolerant|gluten intolerant|celiac)\b.*)", "{who} {be} {x}"),
    Rule("profile", rf"{AM} allergic to (?P<x>.+)", "{who} {be} allergic to {x}"),
    Rule("profile", r"i have (?P<x>an? (?:\w+ ){1,3}allergy)", "{who} {have} {x}"),
    Rule("profile", rf"{SUBJECT} (?:don't|do not|can't|cannot) (?P<x>(?:eat(?! another| any| much)|drink|smoke|drive|swim)\b.*)", "{who} does not {x}"),
    Rule("profile", rf"{SUBJECT} (?P<v>speak) (?P<x>.*(?-i:[A-Z])\w+.*)", "{who} {vs} {x}"),

    Rule("preference", r"my (?:all-time |absolute )?(?P<w>favou?rite|fave|fav) (?P<x>\w+(?: \w+){0,4}?)(?:'s| is| are) (?P<y>(?!when|how|that|to see).+)", "{who}'s favourite {x} is {y}"),
    Rule("preference", r"(?P<x>(?!it|that|this|they|these|those|he|she|one|some|what)[\w' -]{2,40}?)(?:'s| is| are) (?:definitely )?my (?:all-time |absolute )?(?:favou?rite|fave|fav) (?P<y>\w+(?: \w+){0,3})", "{who}'s favourite {y} is {x}"),
    Rule("preference", rf"{SUBJECT} (?:no longer|don't) (?P<v>like|love|enjoy) (?P<x>.+?) (?:anymore|any more|any longer)", "{who} no longer {vs} {x}"),
    Rule("preference", rf"{SUBJECT} no longer (?P<v>like|love|enjoy) (?P<x>.+)", "{who} no longer {vs} {x}"),
    Rule("preference", rf"{SUBJECT} (?:don't|do not) (?:{OFTEN} )?(?P<v>like|love|enjoy) (?P<x>.+)", "{who} does not {v} {x}"),
    Rule("preference", rf"{SUBJECT} (?:can't|cannot) stand (?P<x>.+)", "{who} cannot stand {x}"),
    Rule("preference", rf"{SUBJECT} (?P<v>like|love|enjoy|adore|prefer|hate|dislike) (?P<x>(?!the\b|all the|to\b|not to|hearing|seeing|being|having).+)", "{who} {vs} {x}"),
    Rule("preference", rf"{AM} (?P<w>passionate about|into|keen on|crazy about|obsessed with|fond of|a (?:big |huge )?fan of|interested in) (?P<x>.+)", "{who} {be} {w} {x}"),

    Rule("relationship", rf"{SUBJECT} have(?: got)? (?P<x>{COUNT} (?:[\w-]+ ){{0,2}}(?:{FAMILY}|{PET})s?\b.*)", "{who} {have} {x}"),
    Rule("relationship", rf"{HAVE} got (?P<x>{COUNT} (?:[\w-]+ ){{0,2}}(?:{FAMILY}|{PET})s?\b.*)", "{who} {have} {x}"),
    Rule("relationship", rf"{AM} (?P<w>lucky|blessed|grateful|glad) to have (?P<x>my .*{FAMILY}\b.*)", "{who} {be} {w} to have {x}"),
    Rule("relationship", rf"my (?P<x>(?:[\w-]+ ){{0,2}}(?:{FAMILY}|{PET}))(?:'s name is| is called| is named|'s called|'s named) (?P<y>(?-i:[A-Z])[\w'-]+.*)", "{who}'s {x} is called {y}"),
    Rule("relationship", rf"my (?P<x>(?:[\w-]+ ){{0,1}}(?:{FAMILY}|{PET}))(?: (?:is|are)|'s) (?P<y>(?:an? (?:[\w-]+ ){{0,3}}{JOB}|allergic to|living in|from (?-i:[A-Z])|\d+ years old|married|pregnant)\b.*)", "{who}'s {x} is {y}"),
    Rule("relationship", rf"my (?P<x>(?:[\w-]+ ){{0,1}}(?:{FAMILY}|{PET})) (?P<y>(?:lives|works|studies|loves|likes|hates|plays|speaks|moved|graduated|died|passed away|got married|turned \d+|was born|love|like|live) .+)", "{who}'s {x} {y}"),

    Rule("plan", rf"(?:{AM} (?:going to|planning to|gonna)) (?P<x>{WILL_DO}(?-i:[a-z])[a-z]* .+)", "{who} {be} planning to {x}", dated=True, future=True),
    Rule("plan", rf"{AM} (?P<w>going to(?= an? | the | my | (?-i:[A-Z]))|off to|heading to|flying to|traveling to|travelling to|visiting|meeting|starting|moving to|getting|having|hosting|performing|attending|taking|throwing|putting together|thinking about|thinking of|looking forward to|opening|launching|leaving) (?P<x>.+)", "{who} {be} {w} {x}", dated=True, future=True),
    Rule("plan", rf"{AM} planning (?:on )?(?P<x>(?:a|an|to|\w+ing)\b .+)", "{who} {be} planning {x}", future=True),
    Rule("plan", rf"{SUBJECT} (?:plan|intend) to (?P<x>.+)", "{who} plans to {x}", future=True),
    Rule("plan", rf"{SUBJECT}(?:'ll| will) (?P<x>{WILL_DO}\w+ .+)", "{who} will {x}", dated=True, future=True),
    Rule("plan", rf"{SUBJECT}(?: have|'ve got) (?P<x>an? (?:[\w'-]+ ){{0,3}}{APPOINTMENT}\b.*)", "{who} {have} {x}", dated=True, future=True),
    Rule("plan", rf"{AM} thinking (?P<x>(?:of|about) (?:working|becoming|starting|moving|going|getting|buying|adopting|learning|opening|visiting) .+)", "{who} {be} thinking {x}", future=True),
    Rule("plan", r"i (?:want to|wanna) (?P<x>(?:become|create|open|start(?! over)|learn|travel|visit|adopt|build|study|move to|run) .+)", "{who} wants to {x}", future=True),
    Rule("plan", r"(?:my|(?P<we>our)) (?P<y>(?:[\w-]+ )?(?:goal|dream|plan)) is to (?P<x>.+)", "{who}'s {y} is to {x}", future=True),

    Rule("event", rf"(?:i|(?P<we>we))(?: {OFTEN})* (?P<x>(?:got (?:married|engaged|divorced|promoted|accepted|hired|fired|laid off)|(?:lost|quit|left) my job|got an? (?:\w+ )?job|graduated from|gave birth|adopted an? |retired from|broke up with|signed up for|enrolled in|opened (?:my|our|an?) |launched (?:my|our|an?) |started (?:my|our|a new|an? own) |won (?:first|a|the) |joined an? )\b.*)", "{who} {x}"),
    Rule("event", r"(?P<x>(?:lost|quit|left) my job\b.*)", "{who} {x}"),
    Rule("event", rf"{HAVE} (?P<x>(?!been (?:a|so|really|very|doing|thinking|great|good)\b)(?:been to|{DID}) .+)", "{who} {have} {x}", dated=True),
    Rule("event", rf"{SUBJECT} (?P<x>{NOT_DID}{DID}\b.*)", "{who} {x}", dated=True),
    Rule("event", rf"(?P<x>{NOT_DID}(?:went|took|got|ran|bought|won|lost|visited|started|finished|joined|attended|signed up|launched|opened)\b.+)", "{who} {x}", dated=True),

    Rule("fact", rf"{HAVE} been (?P<x>(?!thinking|meaning|wanting|trying)(?:[\w-]+ing\b .+ |married |together |friends ).*?(?:for|since) .+)", "{who} {have} been {x}"),
    Rule("fact", rf"{HAVE} been (?P<x>(?:looking into|learning|studying|practicing|practising|training for|reading|writing|taking|playing) .+)", "{who} {have} been {x}"),
    Rule("fact", rf"{AM} (?P<x>(?:starting|opening|creating|building|writing|working on) (?:an?|my|our) .+)", "{who} {be} {x}"),
    Rule("fact", r"(?P<x>(?:researching|learning|studying|training for|looking into) .+)", "{who} is {x}"),
    Rule("fact", rf"{SUBJECT} used to (?P<x>(?!think|be|feel).+)", "{who} used to {x}"),
    Rule("fact", rf"{AM} (?P<x>(?:learning|studying|training for|saving (?:up )?for|researching|reading|volunteering|majoring in|writing an?) .+)", "{who} {be} {x}"),
    Rule("fact", rf"{SUBJECT} (?P<v>play|collect|own|volunteer|teach|coach|mentor|study|practice|practise|drive) (?P<x>(?!it|into|out|by|away).+)", "{who} {vs} {x}"),
]

_ME = r"我(?:们)?(?:家)?"
_VERY = r"(?:从来|现在|目前|一直|也|都|还|真的|其实|很|非常|特别|最|超级?|挺|比较|更|从小就?|已经|最近|今天|刚|是|又)*"
_KIN = r"(?:妈妈|爸爸|母亲|父亲|父母|哥哥|弟弟|姐姐|妹妹|儿子|女儿|孩子|老婆|老公|妻子|丈夫|男朋友|女朋友|爷爷|奶奶|外公|外婆|叔叔|阿姨|室友|同事|老板|狗|狗狗|小狗|猫|猫咪|小猫|兔子|仓鼠|鹦鹉|宠物|乌龟)"
_JOB = r"(?:护士|医生|老师|教师|教授|工程师|程序员|开发者|设计师|学生|研究生|博士生|大学生|高中生|律师|厨师|面包师|作家|记者|画家|艺术家|音乐家|歌手|舞者|演员|科学家|研究员|经理|产品经理|顾问|会计|建筑师|司机|飞行员|农民|警察|消防员|军人|兽医|牙医|药剂师|心理咨询师|咨询师|翻译|摄影师|分析师|创业者|自由职业者|销售|服务员|教练|公务员|编辑|主播|运营)"

CHINESE = [
    Rule("instruction", r"(?:请|以后|一直|总是|都|麻烦)+用(?:中文|英文|英语|简短|简单)\S*(?:回答|回复)\S*", "{who}要求：{clause}"),

    Rule("profile", rf"{_ME}(?:的名字)?(?:叫做?|的名字是)(?P<x>(?!外卖|车|了|人|你|他|她|它|我|爸|妈)(?:[\u4e00-\u9fff·]{{1,6}}(?<![了来去])|[A-Za-z][A-Za-z ]{{0,20}}))"),
    Rule("profile", r"(?:以后|大家都?|你可以|可以|请)*叫我(?P<x>[\w·]{1,10}?)(?:就行|就好|吧|即可)?", "{who}的称呼是{x}"),
    Rule("profile", r"我的?生日(?:是|在)(?P<x>.*\d.*|.*[一二三四五六七八九十]月.*)", dates=False),
    Rule("profile", r"我(?:是)?.*出生(?:于|在)?.*", dates=False),
    Rule("profile", r"我(?:今年)?\d{1,3}岁了?", dates=False),
    Rule("profile", rf"{_ME}{_VERY}(?:住|定居|居住)在(?P<x>.+)"),
    Rule("event", rf"{_ME}.*搬(?:到|去|来|回|进)了?(?P<x>.+)"),
    Rule("profile", rf"{_ME}(?:来自|的?老家(?:是|在)|是.{{1,8}}人$)(?P<x>.*)"),
    Rule("profile", rf"我{_VERY}在(?P<x>.+?)(?:工作|上班|上学|读书|读研|读博|任职|实习|当.+)(?:了?.{{1,4}}年)?"),
    Rule("profile", rf"我{_VERY}(?:是|当|做)?(?:一名|一个|一位|个|名|当|做)(?P<x>.{{0,10}}{_JOB})"),
    Rule("profile", rf"我是(?P<x>.{{0,10}}{_JOB})"),
    Rule("profile", r"我的(?:工作|职业)是(?P<x>.+)"),
    Rule("profile", rf"我{_VERY}对(?P<x>.+?)(?:严重)?过敏"),
    Rule("profile", rf"我{_VERY}(?:吃素|(?:不吃|不能吃|不喝|不抽|不会|会说|会弹|会讲)(?P<x>(?!了).+))"),
    Rule("profile", rf"我{_VERY}(?:结婚|离婚|订婚|怀孕|退休|单身)了?.*"),

    Rule("preference", rf"我{_VERY}(?:喜欢|喜爱|钟爱|爱)的(?P<x>.{{1,12}}?)是(?P<y>.+)"),
    Rule("preference", rf"我{_VERY}(?:不再|再也不)(?:喜欢|爱)(?P<x>.+?)了?"),
    Rule("preference", rf"我{_VERY}(?:不太?|不怎么)(?:喜欢|爱)(?P<x>.+)"),
    Rule("preference", rf"我{_VERY}(?:喜欢|喜爱|热爱|爱吃|爱喝|爱看|爱听|爱玩|偏爱|讨厌|受不了|偏好|感兴趣的是|迷上了?)(?P<x>.+)"),
    Rule("preference", rf"我{_VERY}对(?P<x>.+?)(?:很|非常|特别)?(?:感兴趣|着迷)"),

    Rule("relationship", rf"{_ME}(?:有|养了?)(?P<x>[一二两三四五六\d](?:只|个|条|位|对|匹).*(?:{_KIN}|猫|狗|鱼|鸟|马|羊|孩).*)"),
    Rule("relationship", rf"{_ME}(?:的|的?那?只|那?条)*(?P<x>{_KIN})(?:的名字)?(?:(?:叫做?|名叫)(?!我|你|他)|是|在(?!医院|家|路上|忙|等|睡|吃)|住在|喜欢|讨厌|对)(?P<y>.+)"),

    Rule("plan", rf"{_ME}?.*(?:要|会|打算|准备|计划|将)(?P<x>(?!的$).+)", dated=True, future=True),
    Rule("plan", r"我(?:们)?(?:打算|计划)(?P<x>.+)", future=True),
    Rule("plan", r"我的(?:目标|梦想|计划)是(?P<x>.+)"),
    Rule("event", rf"{_ME}(?!.*[没不未还]).*(?:失业|辞职|毕业|升职|结婚|订婚|离婚|分手|入职|被录取)了?.*"),
    Rule("event", rf"{_ME}(?!.*[没不未还]).*(?:[了过到]|参加|去).*", dated=True),

    Rule("fact", rf"我{_VERY}(?:正?在学习?|正?在备考|正?在准备|正?在看|正?在写|养成了|每[天周月年](?!都[很在]))(?P<x>.+)"),
]
# fmt: on
RULES = {"en": ENGLISH, "zh": CHINESE}
