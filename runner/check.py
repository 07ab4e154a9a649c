"""Everything that keeps a definition from running, or should be looked at, found before it runs."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue, ValidationError

from providers import JsonObject
from runner import schema as schemas
from runner import template
from runner.errors import InputsInvalid
from runner.graph import DECORATIONS, Wiring, structure
from runner.model import Graph, NodeSpec, Problem
from runner.node import AnyNode, NodeConfig, catalogue

ERROR_PORT = "error"


def check(graph: Graph) -> tuple[Problem, ...]:
    """All problems at once, each with its node and field. Reads no database and calls nobody."""
    found = structure(graph)
    wiring = Wiring(graph)
    for node in graph.nodes:
        if node.type not in DECORATIONS:
            found += _check_node(node, wiring)
    found += _trusting(graph, wiring)
    for edge in graph.edges:
        source = wiring.nodes.get(edge.source)
        kind = catalogue().get(source.type) if source else None
        if source and kind and edge.port not in ports_of(kind, source):
            found.append(
                Problem(
                    node_id=source.id,
                    code="unknown-port",
                    detail=f"a wire leaves {source.label} by {edge.port!r}; it has {', '.join(ports_of(kind, source))}",
                )
            )
    if graph.input_schema is not None:
        try:
            schemas.compile(graph.input_schema)
        except schemas.SchemaError as error:
            detail = f"the input schema: {error.pointer or '/'}: {error.message}"
            found.append(Problem(field="inputSchema", code=error.code, detail=detail))
    return tuple(found)


def check_inputs(graph: Graph, inputs: JsonObject) -> None:
    """Raises InputsInvalid, with a JSON Pointer into a request's `inputs` for each fault."""
    if graph.input_schema is not None:
        faults = schemas.validate(schemas.compile(graph.input_schema), inputs)
        if faults:
            raise InputsInvalid([(f"/inputs{fault.pointer}", fault.detail) for fault in faults])


def ports_of(kind: AnyNode, spec: NodeSpec) -> tuple[str, ...]:
    """The outlets of a node as configured: those of its kind, and `error` when errors are routed."""
    return (*kind.ports, ERROR_PORT) if spec.data.config.get("onError") == "route" else kind.ports


def config_of(spec: NodeSpec, kind: AnyNode) -> NodeConfig:
    """The node's configuration, validated. Raises pydantic's ValidationError."""
    return kind.config_model.model_validate(spec.data.config)


def _check_node(spec: NodeSpec, wiring: Wiring) -> Iterator[Problem]:
    kind = catalogue().get(spec.type)
    if kind is None:
        known = ", ".join(catalogue())
        yield Problem(
            node_id=spec.id,
            code="unknown-kind",
            detail=f"{spec.label}: there is no kind {spec.type!r}; there are {known}",
        )
        return
    try:
        config = config_of(spec, kind)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False, include_input=False):
            path = ".".join(str(part) for part in fault["loc"])
            yield Problem(
                node_id=spec.id,
                field=path or None,
                code="config",
                detail=f"{spec.label}: {path}: {fault['msg']}",
            )
        return
    for field, code, detail in kind.check(config):
        yield Problem(node_id=spec.id, field=field, code=code, detail=f"{spec.label}: {detail}")
    upstream = wiring.upstream(spec.id) if spec.id in wiring.nodes else frozenset[str]()
    for path, text in _texts(spec.data.config):
        if (problem := template.check(text)) is not None:
            yield Problem(
                node_id=spec.id, field=path, code="template", detail=f"{spec.label}: {problem.message}"
            )
            continue
        for name in template.names(text):
            yield from _check_name(spec, path, name, wiring, upstream)


def _check_name(
    spec: NodeSpec, path: str, name: str, wiring: Wiring, upstream: frozenset[str]
) -> Iterator[Problem]:
    parts = name.split(".")
    if parts[0] == "nodes" and len(parts) > 1:
        if parts[1] not in wiring.nodes:
            detail = f"{spec.label}: {path} reads nodes.{parts[1]}, which does not exist"
            yield Problem(node_id=spec.id, field=path, code="unknown-node", detail=detail)
        elif parts[1] not in upstream:
            detail = f"{spec.label}: {path} reads nodes.{parts[1]}, which does not run before it"
            yield Problem(node_id=spec.id, field=path, code="not-upstream", detail=detail, severity="warning")
    elif parts[0] == "callback" and wiring.next_of_type(spec.id, "WaitForCallback") is None:
        detail = f"{spec.label}: {path} reads {name}, but no WaitForCallback comes after it"
        yield Problem(node_id=spec.id, field=path, code="no-callback", detail=detail)
    elif parts[0] == "callbacks" and len(parts) > 1:
        target = wiring.nodes.get(parts[1])
        if target is None or target.type != "WaitForCallback":
            detail = f"{spec.label}: {path} reads {name}, but {parts[1]} is not a WaitForCallback node"
            yield Problem(node_id=spec.id, field=path, code="no-callback", detail=detail)


def _trusting(graph: Graph, wiring: Wiring) -> Iterator[Problem]:
    """Waits that nobody has said anything of, and whose address no step hands on: whoever is told it by hand may pass it on."""
    asked = [
        node
        for node in graph.nodes
        if node.type == "WaitForCallback" and node.data.config.get("auth") is None
    ]
    if not asked:
        return
    handed: set[str | None] = set()
    for node in graph.nodes:
        for _, text in _texts(node.data.config) if node.id in wiring.nodes else ():
            for name in () if template.check(text) else template.names(text):
                first, _, rest = name.partition(".")
                if first == "callback":
                    handed.add(wiring.next_of_type(node.id, "WaitForCallback"))
                elif first == "callbacks":
                    handed.add(rest.partition(".")[0])
    for node in asked:
        if node.id not in handed:
            detail = f"{node.label}: the token in the address is all that a caller needs; let the sender sign, or choose the token alone"
            yield Problem(
                node_id=node.id, field="auth", code="auth-token-alone", detail=detail, severity="warning"
            )


def _texts(value: JsonValue, path: str = "") -> Iterator[tuple[str, str]]:
    stack: list[tuple[str, JsonValue]] = [(path, value)]
    while stack:
        where, item = stack.pop()
        if isinstance(item, str):
            if "{{" in item or "{%" in item:
                yield where, item
        elif isinstance(item, dict):
            stack += [(f"{where}.{k}" if where else k, v) for k, v in item.items()]
        elif isinstance(item, list):
            stack += [(f"{where}[{i}]", v) for i, v in enumerate(item)]
