"""What a user cost is forgotten with the user; the totals of everybody stay true."""

import tablestore as ots

from tablestore_memory.worker.costs.ledger import Ledger, today
from tablestore_memory.worker.stores.costs import Costs
from tablestore_memory.worker.stores.write import write_all


def forget_costs(client: ots.OTSClient, ledger: Ledger, costs: Costs, user_id: str) -> None:
    """Delete the user's sums, then the rows of all days that may have one.

    In this order: a booking that read the sums before sees that they are gone, and deletes its row.
    """
    ledger.forget(user_id)
    write_all(client, costs.deletions(user_id, today()))
