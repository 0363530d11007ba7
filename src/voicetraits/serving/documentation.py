"""The OpenAPI description as a page that needs no network: FastAPI's own loads its scripts from another host."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_STYLE = """body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code { background: #0001; padding: 0 .25em; border-radius: .2em } h2 { margin-top: 2.5rem }
table { border-collapse: collapse; display: block; overflow-x: auto } td, th { border: 1px solid #8886;
text-align: left; padding: .3em .6em; vertical-align: top } :root { color-scheme: light dark }"""


def page_of(openapi: Mapping[str, Any]) -> str:
    """HTML of an OpenAPI 3.1 description."""
    parts = [f"<h1>{escape(openapi['info']['title'])}</h1><p>{escape(openapi['info'].get('description', ''))}</p>"]
    parts.append('<p>For programs: <a href="openapi.json">openapi.json</a>.</p>')
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            parts += _operation(path, method, operation)
    for name, schema in openapi["components"]["schemas"].items():
        parts += _schema(name, schema)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(openapi["info"]["title"])}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body>{''.join(parts)}</body></html>"
    )


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2><code>{escape(method.upper())} {escape(path)}</code></h2><p>{escape(operation.get('summary', ''))}. "
    yield f"{escape(operation.get('description', ''))}</p>"
    if parameters := operation.get("parameters"):
        rows = [
            (f"<code>{escape(one['name'])}</code>", _kind(one["schema"]), escape(one.get("description", "")))
            for one in parameters
        ]
        yield _table(("query", "type", "meaning"), rows)
    if body := operation.get("requestBody"):
        yield f"<p>Body: {', '.join(f'<code>{escape(name)}</code>' for name in body['content'])}</p>"
    rows = []
    for status, response in operation["responses"].items():
        kinds = [_kind(one.get("schema", {})) for one in response.get("content", {}).values()]
        rows.append((escape(status), escape(response.get("description", "")), ", ".join(kinds)))
    yield _table(("status", "meaning", "body"), rows)


def _schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{escape(schema.get("description", ""))}</p>'
    if "enum" in schema:
        yield f"<p>One of {', '.join(f'<code>{escape(str(one))}</code>' for one in schema['enum'])}.</p>"
    elif properties := schema.get("properties"):
        rows = [
            (f"<code>{escape(key)}</code>", _kind(own), escape(own.get("description", "")))
            for key, own in properties.items()
        ]
        yield _table(("field", "type", "meaning"), rows)


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"])
    if "items" in schema:
        return f"list of {_kind(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"by name: {_kind(schema['additionalProperties'])}"
    default = f", default {escape(str(schema['default']))}" if "default" in schema else ""
    return escape(str(schema.get("type", ""))) + default


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    heads = "".join(f"<th>{one}</th>" for one in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{heads}</tr>{body}</table>"
