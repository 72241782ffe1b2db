"""The settings of a worker: from the environment, frozen, every wrong variable reported at once.

Only `main`, `app`, `services` and the command line read them; everything else gets values as arguments.
Reports name the variable and what it must be, never what it is.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.functional_validators import AfterValidator

from tablestore_memory.protocol.redis_urls import RedisUrl
from tablestore_memory.protocol.streams import MAX_PARTITIONS
from tablestore_memory.worker.state.connection import why_no_broker


def _printable(value: str) -> str:
    """A key, an id, a name of a model: it goes into headers and signatures."""
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError("must be printable ASCII without spaces (an invisible character?)")
    return value


def _secret(value: SecretStr) -> SecretStr:
    _printable(value.get_secret_value())
    return value


def _redis_url(url: str) -> str:
    RedisUrl.parse(_printable(url))
    return url


def _endpoint(url: AnyHttpUrl) -> AnyHttpUrl:
    """Addresses are logged and shown."""
    if url.username or url.password or url.query or url.fragment:
        raise ValueError("must have no user, password or query: keys have variables of their own")
    return url


def _table(name: str) -> str:
    # Source: Tablestore, naming conventions and limits of tables: 255, of which an index named after its table
    # needs 16.
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,238}", name):
        raise ValueError("must be 1 to 239 letters, digits and underscores, not a digit first")
    return name


def _prefix(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:-]+", name):
        raise ValueError("must be made of letters, digits and _ . : -")
    return name


def _prices(listed: str) -> str:
    number = r"\d+(\.\d+)?"
    price = rf"[!-<>-~]+={number}/{number}/{number}"
    if not all(re.fullmatch(price, each) for each in listed.split(",")):
        raise ValueError("must be MODEL=INPUT/OUTPUT/CACHED, … with numbers, separated by commas")
    return listed


RedisAddress = Annotated[str, AfterValidator(_redis_url)]
Endpoint = Annotated[AnyHttpUrl, AfterValidator(_endpoint)]
Word = Annotated[str, AfterValidator(_printable)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
Table = Annotated[str, AfterValidator(_table)]
Prefix = Annotated[str, AfterValidator(_prefix)]
Prices = Annotated[str, AfterValidator(_prices)]
Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SettingsError(Exception):
    """One or more variables are missing or wrong; `problems` has a line for each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("wrong settings:\n" + "\n".join(f"  {problem}" for problem in problems))


class RedisSettings(BaseModel):
    """Where what is on its way stands. Field by field, with its environment variable as alias."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    redis_url: RedisAddress = Field("redis://127.0.0.1:6379/0", alias="REDIS_URL", repr=False)
    prefix: Prefix = Field("memory", alias="MEMORY_PREFIX")
    partitions: Positive = Field(8, alias="MEMORY_PARTITIONS", le=MAX_PARTITIONS)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read all variables. Raises SettingsError naming each one that is missing or wrong.

        White space around a value does not count, as a secret that was read from a file ends with a line
        break; an empty variable counts as unset, as in a .env file with a name and no value.
        """
        given = {name: text for name, value in environ.items() if (text := value.strip())}
        problems = list(cls._unfit(given))
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            problems += [
                f"{e['loc'][0]}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors(include_input=False, include_url=False)
            ]
        if problems:
            raise SettingsError(problems)
        return settings

    @classmethod
    def _unfit(cls, given: Mapping[str, str]) -> Iterator[str]:
        """What is wrong between variables that may be right each by itself."""
        yield from ()


class Settings(RedisSettings):
    """All of a worker's; units are in the names."""

    # Celery's own messages; needed when REDIS_URL is a Redis Cluster.
    broker_url: RedisAddress | None = Field(None, alias="MEMORY_BROKER_URL", repr=False)

    tablestore_endpoint: Endpoint = Field(alias="TABLESTORE_ENDPOINT")
    tablestore_instance: Word = Field(alias="TABLESTORE_INSTANCE_NAME")
    tablestore_key_id: Word = Field(alias="TABLESTORE_ACCESS_KEY_ID")
    tablestore_key_secret: Secret = Field(alias="TABLESTORE_ACCESS_KEY_SECRET")
    tablestore_sts_token: Secret | None = Field(None, alias="TABLESTORE_STS_TOKEN")
    # With a region requests are signed with V4, without one with V2.
    tablestore_region: Word | None = Field(None, alias="TABLESTORE_REGION")

    dashscope_api_key: Secret = Field(alias="DASHSCOPE_API_KEY")
    dashscope_url: Endpoint = Field(
        AnyHttpUrl("https://dashscope.aliyuncs.com/api/v1"), alias="DASHSCOPE_HTTP_BASE_URL"
    )
    model: Word = Field("qwen-plus", alias="MEMORY_MODEL")
    embedding_model: Word = Field("text-embedding-v4", alias="MEMORY_EMBEDDING_MODEL")
    # 1536 is the dimension of AgentScope Runtime's memory table.
    embedding_dimension: Positive = Field(1536, alias="MEMORY_EMBEDDING_DIMENSION")
    instructions: str = Field("", alias="MEMORY_INSTRUCTIONS", max_length=2000)

    # AgentScope Runtime 1.0.5's default names, so that its services see the same rows.
    session_table: Table = Field("agentscope_runtime_session", alias="MEMORY_SESSION_TABLE")
    message_table: Table = Field("agentscope_runtime_message", alias="MEMORY_MESSAGE_TABLE")
    memory_table: Table = Field("agentscope_runtime_memory", alias="MEMORY_MEMORY_TABLE")
    history_table: Table = Field("agentscope_runtime_memory_history", alias="MEMORY_HISTORY_TABLE")
    # Whose memories, in a memory table that several deployments share. AgentScope's services know this one alone.
    tenant: Word = Field("__default", alias="MEMORY_TENANT", max_length=200)

    # Whether `init` makes the search index by which recall finds words in messages.
    message_index: bool = Field(True, alias="MEMORY_MESSAGE_INDEX")

    # Ours alone; their rows live for so many days, as it was said when `init` made the tables.
    cost_table: Table = Field("agentscope_runtime_memory_cost", alias="MEMORY_COST_TABLE")
    audit_table: Table = Field("agentscope_runtime_memory_audit", alias="MEMORY_AUDIT_TABLE")
    cost_days: Positive = Field(400, alias="MEMORY_COST_DAYS")
    audit_days: Positive = Field(400, alias="MEMORY_AUDIT_DAYS")
    # Of a million tokens, MODEL=INPUT/OUTPUT/CACHED: CNY, China (Beijing), questions up to 128,000 tokens, as
    # documented on 2026-11-27. A model that is not listed has an unknown price.
    prices: Prices = Field(
        "qwen-plus=0.8/2/0.16,qwen-flash=0.15/1.5/0.03,"
        "text-embedding-v4=0.5/0/0.5,text-embedding-v1=0.7/0/0.7",
        alias="MEMORY_PRICES",
    )

    # A session is due for extraction at the first of these (docs/architecture.md).
    idle_s: Seconds = Field(30, alias="MEMORY_IDLE_S")
    max_messages: Positive = Field(20, alias="MEMORY_MAX_MESSAGES")
    max_tokens: Positive = Field(3000, alias="MEMORY_MAX_TOKENS")
    max_wait_s: Seconds = Field(300, alias="MEMORY_MAX_WAIT_S")

    # Tries of a session that fails while others succeed, before it is given up with a dead letter.
    extract_attempts: Positive = Field(6, alias="MEMORY_EXTRACT_ATTEMPTS")
    # About how many pieces of a long session Qwen is asked at the same time.
    ask_at_once: Positive = Field(4, alias="MEMORY_ASK_AT_ONCE")
    # How long an event, a request or a session that kills, hangs or fails its step may hold up others.
    isolate_s: Seconds = Field(60, alias="MEMORY_ISOLATE_S")
    # How often a part of the session table is looked through for what Redis lost.
    reconcile_s: Seconds = Field(60, alias="MEMORY_RECONCILE_S")
    # Of the DashScope account for a model, over all its keys, a minute.
    qwen_requests: Positive = Field(600, alias="MEMORY_QWEN_RPM")
    qwen_tokens: Positive = Field(1_000_000, alias="MEMORY_QWEN_TPM")
    # Tokens a day (UTC), of all models together; then extraction pauses. None for no limit.
    daily_tokens: Positive | None = Field(None, alias="MEMORY_DAILY_TOKENS")

    # The same of one user; then that user's extraction waits until the next day.
    user_daily_tokens: Positive | None = Field(None, alias="MEMORY_USER_DAILY_TOKENS")

    # Whether workers count what they do (docs/metrics.md).
    metrics: bool = Field(True, alias="MEMORY_METRICS")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", alias="MEMORY_LOG_LEVEL"
    )
    log_format: Literal["auto", "json", "console"] = Field("auto", alias="MEMORY_LOG_FORMAT")

    @classmethod
    def _unfit(cls, given: Mapping[str, str]) -> Iterator[str]:
        if reason := why_no_broker(given.get("MEMORY_BROKER_URL") or given.get("REDIS_URL", "")):
            yield f"MEMORY_BROKER_URL: {reason}"
        tables: dict[str, str] = {}
        for field in (each for each in cls.model_fields if each.endswith("_table")):
            variable = str(cls.model_fields[field].alias)
            name = given.get(variable, str(cls.model_fields[field].default))
            if other := tables.get(name):
                yield f"{variable}: names the same table as {other}"
            tables[name] = variable
