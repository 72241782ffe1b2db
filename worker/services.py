"""The clients of one process and the steps that use them, made once, on first use, after any fork."""

from functools import cached_property, partial
from typing import Any, Self, TypedDict, Unpack

from redis import Redis

from tablestore_memory.protocol.streams import Streams
from tablestore_memory.worker.consolidation.apply import Apply
from tablestore_memory.worker.consolidation.consolidate import Consolidation
from tablestore_memory.worker.consolidation.journal import Journal
from tablestore_memory.worker.consolidation.neighbours import Neighbours
from tablestore_memory.worker.consolidation.remember import Remembering
from tablestore_memory.worker.consolidation.undecided import Undecided
from tablestore_memory.worker.costs.booking import Booking
from tablestore_memory.worker.costs.ledger import Ledger
from tablestore_memory.worker.costs.user_budget import UserBudget
from tablestore_memory.worker.dispatch.gate import DispatchGate
from tablestore_memory.worker.dispatch.stage_errors import StageErrors
from tablestore_memory.worker.extract.attempt import Attempt
from tablestore_memory.worker.extract.facts import FactFinder
from tablestore_memory.worker.extract.plans import Plans
from tablestore_memory.worker.extract.session import Extract
from tablestore_memory.worker.failures.isolation import Isolation, Probe
from tablestore_memory.worker.forget import Forgetting
from tablestore_memory.worker.forget.in_flight import InFlight
from tablestore_memory.worker.forget.memories import Remembered
from tablestore_memory.worker.forget.messages import StoredMessages
from tablestore_memory.worker.forget.receipts import DeletionReceipts
from tablestore_memory.worker.forget.traces import Traces
from tablestore_memory.worker.indexing.confirm import Confirmation
from tablestore_memory.worker.indexing.unindexed import UnindexedMemories
from tablestore_memory.worker.ingest.drain import Ingest
from tablestore_memory.worker.qwen.budget import Budget
from tablestore_memory.worker.qwen.calls import Book
from tablestore_memory.worker.qwen.client import CallLimiter, Qwen
from tablestore_memory.worker.qwen.rate_limit import RateLimiter, Rates
from tablestore_memory.worker.requests.attempt import RequestAttempt
from tablestore_memory.worker.requests.carry_out import RequestWork
from tablestore_memory.worker.requests.process import Requests
from tablestore_memory.worker.sessions.due import DuePolicy, DueSessions
from tablestore_memory.worker.sessions.reconcile import Reconciliation
from tablestore_memory.worker.settings import RedisSettings, Settings
from tablestore_memory.worker.state.attempts import AttemptLog
from tablestore_memory.worker.state.connection import connect_redis
from tablestore_memory.worker.state.dead_letters import DeadLetters
from tablestore_memory.worker.state.keys import Keys
from tablestore_memory.worker.state.lease import Leases
from tablestore_memory.worker.state.partitions import state_streams
from tablestore_memory.worker.state.tombstones import Tombstones
from tablestore_memory.worker.state.tries import Tries
from tablestore_memory.worker.stores.audit import Audit
from tablestore_memory.worker.stores.costs import Costs
from tablestore_memory.worker.stores.history import History
from tablestore_memory.worker.stores.memories import Memories
from tablestore_memory.worker.stores.memory_index import MemoryIndex
from tablestore_memory.worker.stores.probe import probe
from tablestore_memory.worker.stores.sessions import Sessions
from tablestore_memory.worker.stores.tables import TableNames, connect
from tablestore_memory.worker.stores.timed import TimedClient
from tablestore_memory.worker.stores.users import Users


class RedisServices:
    """What stands in Redis, for who needs nothing else."""

    settings: RedisSettings

    def __init__(self, settings: RedisSettings) -> None:
        self.settings = settings

    @cached_property
    def redis(self) -> Redis:
        return connect_redis(self.settings.redis_url)

    @cached_property
    def streams(self) -> Streams:
        return state_streams(self.settings.prefix)

    @cached_property
    def keys(self) -> Keys:
        return Keys(self.streams)

    @cached_property
    def leases(self) -> Leases:
        return Leases(self.redis)

    @cached_property
    def gate(self) -> DispatchGate:
        return DispatchGate(self.redis, self.streams)

    @cached_property
    def stage_errors(self) -> StageErrors:
        return StageErrors(self.redis, self.streams)

    @cached_property
    def due(self) -> DueSessions:
        return DueSessions(self.redis, self.streams)

    @cached_property
    def unindexed(self) -> UnindexedMemories:
        return UnindexedMemories(self.redis, self.streams)

    @cached_property
    def dead(self) -> DeadLetters:
        return DeadLetters(self.redis, self.streams)

    @cached_property
    def deletion_receipts(self) -> DeletionReceipts:
        return DeletionReceipts(self.redis, self.streams)


class Collaborators(TypedDict, total=False):
    """What may be given in place of what Services would make, by the name of its property."""

    redis: Redis
    streams: Streams
    keys: Keys
    leases: Leases
    gate: DispatchGate
    stage_errors: StageErrors
    due: DueSessions
    unindexed: UnindexedMemories
    dead: DeadLetters
    deletion_receipts: DeletionReceipts
    names: TableNames
    tablestore: Any
    qwen: Qwen
    ledger: Ledger
    book: Book
    costs: Costs
    audit: Audit
    booking: Booking
    user_budget: UserBudget
    budget: Budget
    limiter: CallLimiter
    sessions: Sessions
    memories: Memories
    history: History
    users: Users
    ingest: Ingest
    isolation: Isolation
    probe_store: Probe
    probe_all: Probe
    neighbours: Neighbours
    application: Apply
    tombstones: Tombstones
    journal: Journal
    plans: Plans
    remembering: Remembering
    undecided: Undecided
    finder: FactFinder
    extract: Extract
    attempt: Attempt
    reconciliation: Reconciliation
    request_work: RequestWork
    request_attempts: AttemptLog
    requests: Requests
    forgetting: Forgetting
    confirmation: Confirmation


class Services(RedisServices):
    """Everything a step needs, made from the settings, or `given` in place of that: `Services(settings, qwen=…)`.

    What is given is used by everything that is made. Raises TypeError for what nothing is made of.
    """

    settings: Settings

    def __init__(self, settings: Settings, **given: Unpack[Collaborators]) -> None:
        super().__init__(settings)
        for name in given:
            if not isinstance(getattr(type(self), name, None), cached_property):
                raise TypeError(f"Services makes no {name!r}")
        vars(self).update(given)  # where a cached property keeps what it made

    def make_all(self) -> None:
        """Everything the tasks use, at once; nothing is connected yet."""
        _ = self.ingest, self.attempt, self.requests, self.confirmation, self.reconciliation
        _ = self.gate, self.stage_errors, self.booking, self.user_budget, self.undecided

    def timed(self) -> Self:
        """The same, with the time of each request to Tablestore in the log: for who has configured one."""
        self.tablestore = TimedClient(self.tablestore)
        return self

    @cached_property
    def names(self) -> TableNames:
        s = self.settings
        return TableNames(
            s.session_table,
            s.message_table,
            s.memory_table,
            s.history_table,
            s.cost_table,
            s.audit_table,
        )

    @cached_property
    def tablestore(self) -> Any:  # the SDK ships no types
        return self._connect(timeout_s=8)

    def _connect(self, *, timeout_s: float) -> Any:
        s = self.settings
        return connect(
            str(s.tablestore_endpoint).rstrip("/"),
            s.tablestore_instance,
            s.tablestore_key_id,
            s.tablestore_key_secret.get_secret_value(),
            sts_token=s.tablestore_sts_token.get_secret_value() if s.tablestore_sts_token else None,
            region=s.tablestore_region,
            timeout_s=timeout_s,
        )

    @cached_property
    def qwen(self) -> Qwen:
        s = self.settings
        return Qwen(
            url=str(s.dashscope_url).rstrip("/"),
            api_key=s.dashscope_api_key.get_secret_value(),
            model=s.model,
            embedding_model=s.embedding_model,
            dimension=s.embedding_dimension,
            limiter=self.limiter,
            book=self.book,
        )

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.redis, self.keys, self.tombstones)

    @cached_property
    def book(self) -> Book:
        return self.ledger.book

    @cached_property
    def costs(self) -> Costs:
        return Costs(self.tablestore, self.names, self.settings.cost_days)

    @cached_property
    def audit(self) -> Audit:
        return Audit(self.tablestore, self.names)

    @cached_property
    def booking(self) -> Booking:
        return Booking(self.redis, self.keys, self.tablestore, self.ledger, self.costs, self.audit)

    @cached_property
    def user_budget(self) -> UserBudget:
        return UserBudget(self.redis, self.keys, self.ledger, self.settings.user_daily_tokens)

    @cached_property
    def budget(self) -> Budget:
        return Budget(self.redis, self.streams, self.settings.daily_tokens)

    @cached_property
    def limiter(self) -> CallLimiter:
        s = self.settings
        rates = Rates(s.qwen_requests, s.qwen_tokens)
        return RateLimiter(self.redis, self.streams, rates, self.budget)

    @cached_property
    def sessions(self) -> Sessions:
        return Sessions(self.tablestore, self.names)

    @cached_property
    def memories(self) -> Memories:
        return Memories(self.tablestore, self.names, self.settings.tenant)

    @cached_property
    def history(self) -> History:
        return History(self.tablestore, self.names, self.settings.tenant)

    @cached_property
    def users(self) -> Users:
        return Users(self.tablestore, self.names, self.sessions, self.settings.tenant)

    @cached_property
    def ingest(self) -> Ingest:
        s = self.settings
        policy = DuePolicy(
            idle_ms=round(s.idle_s * 1000),
            max_messages=s.max_messages,
            max_tokens=s.max_tokens,
            max_wait_ms=round(s.max_wait_s * 1000),
        )
        return Ingest(
            redis=self.redis,
            streams=self.streams,
            leases=self.leases,
            client=self.tablestore,
            names=self.names,
            policy=policy,
            isolation=self.isolation,
            probe=self.probe_store,
            tombstones=self.tombstones,
        )

    @cached_property
    def isolation(self) -> Isolation:
        return Isolation(self.settings.isolate_s, self.settings.extract_attempts)

    @cached_property
    def probe_store(self) -> Probe:
        """Ask Tablestore something trivial, with little patience."""
        return partial(probe, self._connect(timeout_s=2), self.names)

    @cached_property
    def probe_all(self) -> Probe:
        """Ask Tablestore and both models of Qwen something trivial."""

        def ask() -> None:
            self.probe_store()
            self.qwen.probe()
            self.qwen.probe(embedding=True)

        return ask

    @cached_property
    def neighbours(self) -> Neighbours:
        return Neighbours(self.memories, self.unindexed)

    @cached_property
    def application(self) -> Apply:
        return Apply(
            self.tablestore, self.memories, self.history, self.unindexed, self.due, self.tombstones
        )

    @cached_property
    def tombstones(self) -> Tombstones:
        return Tombstones(self.redis, self.streams)

    @cached_property
    def journal(self) -> Journal:
        return Journal(self.redis, self.streams)

    @cached_property
    def plans(self) -> Plans:
        return Plans(self.redis, self.streams)

    @cached_property
    def remembering(self) -> Remembering:
        return Remembering(
            redis=self.redis,
            streams=self.streams,
            leases=self.leases,
            qwen=self.qwen,
            neighbours=self.neighbours,
            consolidation=Consolidation(self.qwen),
            journal=self.journal,
            tombstones=self.tombstones,
            application=self.application,
        )

    @cached_property
    def undecided(self) -> Undecided:
        # Whoever was gone for a month is in no hurry, and who is given up is so for good: the tries outlast an
        # hour in which a service fails at what is large, and answers something trivial.
        attempts = AttemptLog(
            self.redis, self.keys.to_decide_tries, first_s=600, longest_s=24 * 3600
        )
        return Undecided(
            redis=self.redis,
            keys=self.keys,
            remembering=self.remembering,
            budget=self.budget,
            user_budget=self.user_budget,
            tries=self._tries(attempts),
        )

    @cached_property
    def finder(self) -> FactFinder:
        return FactFinder(self.qwen, self.settings.instructions)

    @cached_property
    def extract(self) -> Extract:
        return Extract(
            redis=self.redis,
            streams=self.streams,
            due=self.due,
            sessions=self.sessions,
            finder=self.finder,
            plans=self.plans,
            remembering=self.remembering,
            budget=self.budget,
            dead=self.dead,
            ask_at_once=self.settings.ask_at_once,
        )

    @cached_property
    def attempt(self) -> Attempt:
        attempts = AttemptLog(self.redis, self.keys.failed, first_s=2, longest_s=120)
        return Attempt(self.extract, self.leases, self._tries(attempts))

    def _tries(self, attempts: AttemptLog) -> Tries:
        """Of what holds up nobody."""
        return Tries(attempts, self.isolation, self.probe_all)

    @cached_property
    def reconciliation(self) -> Reconciliation:
        return Reconciliation(self.redis, self.keys, self.sessions, self.due)

    @cached_property
    def request_work(self) -> RequestWork:
        return RequestWork(self.remembering, self.forgetting)

    @cached_property
    def request_attempts(self) -> AttemptLog:
        return AttemptLog(self.redis, self.keys.requests_tries, first_s=1, longest_s=15)

    @cached_property
    def requests(self) -> Requests:
        attempt = RequestAttempt(
            work=self.request_work,
            tombstones=self.tombstones,
            dead=self.dead,
            attempts=self.request_attempts,
            isolation=self.isolation,
            probe=self.probe_all,
        )
        return Requests(self.redis, self.keys, self.leases, attempt)

    @cached_property
    def forgetting(self) -> Forgetting:
        remembered = Remembered(
            self.tablestore, self.sessions, self.memories, self.history, self.unindexed, self.due
        )
        return Forgetting(
            client=self.tablestore,
            sessions=self.sessions,
            messages=StoredMessages(self.tablestore, self.sessions),
            remembered=remembered,
            index=MemoryIndex(self.tablestore, self.names),
            in_flight=InFlight(self.redis, self.streams),
            traces=Traces(self.redis, self.streams, self.plans, self.journal, self.unindexed),
            due=self.due,
            receipts=self.deletion_receipts,
            ledger=self.ledger,
            costs=self.costs,
        )

    @cached_property
    def confirmation(self) -> Confirmation:
        return Confirmation(self.keys, self.leases, self.memories, self.unindexed)
