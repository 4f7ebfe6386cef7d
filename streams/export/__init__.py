"""The daily lists as a folder that a web server can serve: read from a watch worker, never half written."""
