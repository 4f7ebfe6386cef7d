"""The contract: what goes in, what comes out, on which topics. Version 1."""
