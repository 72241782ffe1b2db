"""`memory-worker serve`: memory for every language over HTTP, for models over MCP, and metrics.

| room | what |
|---|---|
| `settings`, `access` | who may do what: tokens, and whose memories each of them opens |
| `guards/` | what no request passes that is forged, too large, too slow or one too many |
| `problems` | how all of it says no: RFC 9457 |
| `api/` | the operations of HTTP, each in one table with its types, and the OpenAPI document made of it |
| `mcp/` | the tools for models, over HTTP and over standard input and output |
| `page/` | the page for people, with a door of its own |
| `costs` | what recalls ask of Qwen, booked |
| `connections` | the one publisher, the one recall, and the stores of a process |
| `app`, `serving` | all of it put together, and served until told to end |

Publishes and reads; no step of a worker runs here. A further room is mounted in `app`, behind the same guards, and
brings its own access if it knows people by other means than a token.
"""
