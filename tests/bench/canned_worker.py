"""`python -m tests.bench.canned_worker`: `petct worker settle` with decisions made beforehand (tests.bench.canned).

All else is the worker's: sieve, lanes, transactions, metrics, the web server.
"""

from __future__ import annotations

import sys
from unittest.mock import patch

from streams import worker
from tests.bench.canned import CannedProcessor


def main() -> int:
    with patch.object(worker, "SettlementProcessor", CannedProcessor):
        return worker.main()


if __name__ == "__main__":
    sys.exit(main())
