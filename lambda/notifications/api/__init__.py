"""The HTTP API: one module per resource, and what they share.

The routes, who may use them and what a body may hold are read from notifications/openapi.json: what is not
documented does not exist.
"""
