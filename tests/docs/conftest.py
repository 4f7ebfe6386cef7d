"""What a page's blocks are tried with."""

from tests.ops.conftest import promtool

__all__ = ["promtool"]
