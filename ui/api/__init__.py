"""The same answers for programs: HTTP, OpenAPI, MCP, and errors for all."""
