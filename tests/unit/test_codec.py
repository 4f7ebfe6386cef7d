"""JSON as this project writes it."""

import tracemalloc

from schemas.codec import dumps


def test_the_same_record_is_the_same_bytes_whatever_the_order_of_its_fields() -> None:
    assert (
        dumps({"b": "示例", "a": [1, None]})
        == dumps({"a": [1, None], "b": "示例"})
        == '{"a":[1,null],"b":"示例"}'.encode()
    )


def test_what_is_kept_takes_as_much_memory_as_it_is_long() -> None:
    tracemalloc.start()
    try:
        kept = [dumps(["H33010200001", "2021-07-01", str(number)]) for number in range(1_000)]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 4 * sum(len(one) for one in kept)
