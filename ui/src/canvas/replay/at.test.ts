import { expect, test } from "vitest";
import type { LogLine, NodeRun, RunDetail } from "@/api/types";
import { frozen, moments, span, stateAt, until } from "./at";

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const time = (second: number) => Date.parse(at(second));

function line(seq: number, second: number, kind: string, nodeId: string | null = null, data: unknown = null) {
  return {
    seq,
    at: at(second),
    kind,
    nodeId,
    level: "info",
    source: "baton",
    message: kind,
    data,
  } as LogLine;
}
function node(id: string, status: string, extra: Partial<NodeRun> = {}): NodeRun {
  return {
    id,
    status,
    label: id,
    type: "Delay",
    attempts: [],
    input: id,
    output: `${id}!`,
    ...extra,
  } as NodeRun;
}

const run = {
  id: "r",
  status: "FAILED",
  createdDate: at(0),
  startedAt: at(1),
  finishedAt: at(9),
  output: null,
  error: { code: "x" },
  nodes: [
    node("a", "COMPLETED", { port: "out" }),
    node("b", "FAILED", { error: { code: "x" } as NodeRun["error"] }),
    node("c", "SKIPPED", { input: null, output: null }),
    node("d", "CANCELLED", { finishedAt: at(9) }),
  ],
} as unknown as RunDetail;
const lines = [
  line(1, 0, "run.created"),
  line(2, 1, "node.started", "a", { attempt: 1 }),
  line(3, 2, "log", "a"),
  line(4, 3, "node.completed", "a", { port: "out" }),
  line(5, 3, "node.started", "b", { attempt: 1 }),
  line(6, 3, "node.skipped", "c"),
  line(7, 4, "node.retrying", "b"),
  line(8, 6, "node.started", "b", { attempt: 2 }),
  line(9, 7, "node.waiting", "b"),
  line(10, 8, "node.started", "d", { attempt: 1 }),
  line(11, 9, "node.failed", "b"),
  line(12, 9, "run.failed"),
];
const states = (second: number) => stateAt(run, lines, time(second)).nodes.map((each) => each.status);

test("before anything began, everything is pending and nothing is known", () => {
  const first = stateAt(run, lines, time(0));
  expect(first.status).toBe("PENDING");
  expect(first.nodes.map((each) => each.status)).toEqual(["PENDING", "PENDING", "PENDING", "PENDING"]);
  expect(first.nodes.every((each) => each.input === null && each.output === null)).toBe(true);
});

test("states follow the lines; input is there once it began, the outcome once it is over", () => {
  expect(states(1)).toEqual(["RUNNING", "PENDING", "PENDING", "PENDING"]);
  expect(stateAt(run, lines, time(2)).nodes[0]).toMatchObject({ input: "a", output: null, port: null });
  expect(states(3)).toEqual(["COMPLETED", "RUNNING", "SKIPPED", "PENDING"]);
  expect(stateAt(run, lines, time(3)).nodes[0]).toMatchObject({
    output: "a!",
    port: "out",
    finishedAt: at(3),
  });
  expect(stateAt(run, lines, time(3)).nodes[2]).toMatchObject({ startedAt: null });
});

test("attempts count, and a run whose open nodes all wait is waiting", () => {
  expect(stateAt(run, lines, time(4)).nodes[1]).toMatchObject({ status: "RUNNING", attempt: 1 });
  expect(stateAt(run, lines, time(6)).nodes[1]).toMatchObject({ attempt: 2, startedAt: at(3) });
  expect(stateAt(run, lines, time(7)).status).toBe("WAITING");
  expect(stateAt(run, lines, time(8)).status).toBe("RUNNING");
});

test("the end takes open nodes with it, and has the run's own outcome", () => {
  const last = stateAt(run, lines, time(9));
  expect(last.nodes.map((each) => each.status)).toEqual(["COMPLETED", "FAILED", "SKIPPED", "CANCELLED"]);
  expect(last).toMatchObject({ status: "FAILED", finishedAt: at(9), error: { code: "x" } });
  expect(stateAt(run, lines, time(8)).error).toBeNull();
});

test("moments, span and the lines so far", () => {
  expect(moments(lines)).toEqual([0, 1, 3, 4, 6, 7, 8, 9].map(time));
  expect(span(run, lines)).toEqual({ start: time(0), end: time(9) });
  expect(span(run, [])).toEqual({ start: time(0), end: time(9) });
  expect(until(lines, time(2))).toHaveLength(3);
});

test("a frozen run has no clock that goes on", () => {
  const node = frozen(stateAt(run, lines, time(2)), time(2)).nodes[0];
  expect(node).toMatchObject({ status: "RUNNING", startedAt: at(1), finishedAt: at(2) });
});
