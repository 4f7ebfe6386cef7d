"""Settlement of PET-CT examinations in Chinese medical insurance, on Kafka."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("petct-settlement")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0+unknown"
