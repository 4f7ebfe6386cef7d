"""The contract as files that others generate code from: JSON Schemas, examples, an AsyncAPI document, a page to read.

Everything is made from the models of `schemas` and the catalogue of topics; `schemas/published/v1/` holds it, and every
released version stays in `schemas/published/releases/`. ``petct schemas export|check|diff``.
"""
