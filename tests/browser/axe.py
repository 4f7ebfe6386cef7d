"""axe-core, which judges the accessibility of a page: the npm package."""

from typing import Final

from tests.npm import npm_file

VERSION: Final = "4.14.1"
SHA512: Final = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="


def axe_script() -> str:
    """Raises NpmUnavailableError."""
    kept = f"axe-core-{VERSION}.min.js"
    return npm_file(kept, f"axe-core@{VERSION}", SHA512, "package/axe.min.js").decode()
