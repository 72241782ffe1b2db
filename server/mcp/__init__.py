"""MCP: four tools for a model, under the names that clients know, over HTTP at `/mcp` and over standard streams.

A request needs no session: each brings its token, and is answered by itself.
"""
