"""The settings of a worker: from the environment, frozen, every wrong variable reported at once.

Only `main`, `app`, `services` and the command line read them; everything else gets values as arguments.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import (
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from tablestore_memory.protocol.streams import MAX_PARTITIONS
from tablestore_memory.worker.connection import SCHEMES, why_no_broker

_SCHEMES = "redis://, rediss://, redis+cluster:// or redis+sentinel://"
Positive = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]


class SettingsError(Exception):
    """One or more variables are missing or wrong; `problems` has a line for each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("wrong settings:\n" + "\n".join(f"  {problem}" for problem in problems))


class RedisSettings(BaseModel):
    """Where what is on its way stands. Field by field, with its environment variable as alias."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    redis_url: str = Field("redis://127.0.0.1:6379/0", alias="REDIS_URL", pattern=SCHEMES)
    prefix: str = Field("memory", alias="MEMORY_PREFIX", pattern=r"^[A-Za-z0-9_.:-]+$")
    partitions: Positive = Field(8, alias="MEMORY_PARTITIONS", le=MAX_PARTITIONS)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read all variables. Raises SettingsError naming each one that is missing or wrong.

        An empty variable counts as unset, as in a .env file with a name and no value.
        """
        try:
            return cls.model_validate({name: value for name, value in environ.items() if value})
        except ValidationError as error:
            raise SettingsError([_problem(e) for e in error.errors(include_input=False)]) from None


class Settings(RedisSettings):
    """All of a worker's; units are in the names."""

    # Celery's own messages; needed when REDIS_URL is a Redis Cluster.
    broker_url: str | None = Field(None, alias="MEMORY_BROKER_URL", pattern=SCHEMES)

    tablestore_endpoint: AnyHttpUrl = Field(alias="TABLESTORE_ENDPOINT")
    tablestore_instance: str = Field(alias="TABLESTORE_INSTANCE_NAME", min_length=1)
    tablestore_key_id: str = Field(alias="TABLESTORE_ACCESS_KEY_ID", min_length=1)
    tablestore_key_secret: SecretStr = Field(alias="TABLESTORE_ACCESS_KEY_SECRET", min_length=1)
    tablestore_sts_token: SecretStr | None = Field(None, alias="TABLESTORE_STS_TOKEN")
    # With a region requests are signed with V4, without one with V2.
    tablestore_region: str | None = Field(None, alias="TABLESTORE_REGION")

    dashscope_api_key: SecretStr = Field(alias="DASHSCOPE_API_KEY", min_length=1)
    dashscope_url: AnyHttpUrl = Field(
        AnyHttpUrl("https://dashscope.aliyuncs.com/api/v1"), alias="DASHSCOPE_HTTP_BASE_URL"
    )
    model: str = Field("qwen-plus", alias="MEMORY_MODEL", min_length=1)
    embedding_model: str = Field("text-embedding-v4", alias="MEMORY_EMBEDDING_MODEL", min_length=1)
    # 1536 is the dimension of AgentScope Runtime's memory table.
    embedding_dimension: Positive = Field(1536, alias="MEMORY_EMBEDDING_DIMENSION")
    instructions: str = Field("", alias="MEMORY_INSTRUCTIONS", max_length=2000)

    # AgentScope Runtime 1.0.5's default names, so that its services see the same rows.
    session_table: str = Field("agentscope_runtime_session", alias="MEMORY_SESSION_TABLE")
    message_table: str = Field("agentscope_runtime_message", alias="MEMORY_MESSAGE_TABLE")
    memory_table: str = Field("agentscope_runtime_memory", alias="MEMORY_MEMORY_TABLE")
    history_table: str = Field("agentscope_runtime_memory_history", alias="MEMORY_HISTORY_TABLE")

    # A session is due for extraction at the first of these (docs/architecture.md).
    idle_s: Seconds = Field(30, alias="MEMORY_IDLE_S")
    max_messages: Positive = Field(20, alias="MEMORY_MAX_MESSAGES")
    max_tokens: Positive = Field(3000, alias="MEMORY_MAX_TOKENS")
    max_wait_s: Seconds = Field(300, alias="MEMORY_MAX_WAIT_S")

    # Tries of a session that fails while others succeed, before it is given up with a dead letter.
    extract_attempts: Positive = Field(6, alias="MEMORY_EXTRACT_ATTEMPTS")
    # How often a part of the session table is looked through for what Redis lost.
    redrive_s: Seconds = Field(60, alias="MEMORY_REDRIVE_S")
    # Of the DashScope account for a model, over all its keys, a minute.
    qwen_requests: Positive = Field(600, alias="MEMORY_QWEN_RPM")
    qwen_tokens: Positive = Field(1_000_000, alias="MEMORY_QWEN_TPM")
    # Tokens a day (UTC), of all models together; then extraction pauses. None for no limit.
    daily_tokens: Positive | None = Field(None, alias="MEMORY_DAILY_TOKENS")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", alias="MEMORY_LOG_LEVEL"
    )
    log_format: Literal["auto", "json", "console"] = Field("auto", alias="MEMORY_LOG_FORMAT")

    @model_validator(mode="after")
    def _broker_suits_celery(self) -> Self:
        if reason := why_no_broker(self.broker_url or self.redis_url):
            raise ValueError(f"MEMORY_BROKER_URL: {reason}")
        return self


# What a pattern asks for, in words.
_FORMS = {
    "REDIS_URL": f"must begin with {_SCHEMES}",
    "MEMORY_BROKER_URL": f"must begin with {_SCHEMES}",
    "MEMORY_PREFIX": "must be made of letters, digits and _ . : -",
}


def _problem(error: ErrorDetails) -> str:
    variable = ".".join(str(part) for part in error["loc"])
    by_pattern = error["type"] == "string_pattern_mismatch"
    reason = _FORMS.get(variable, error["msg"]) if by_pattern else error["msg"]
    return f"{variable}: {reason}" if variable else reason.removeprefix("Value error, ")
