"""Bytes in, outputs out. Nothing here knows where the bytes come from or go to."""
