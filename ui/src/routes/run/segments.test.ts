import { expect, test } from "vitest";
import type { LogLine, NodeRun, RemoteTask } from "@/api/types";
import { byTask, segmentsOf, segmentsOfTask, ticks } from "./segments";

const at = (second: number) => new Date(second * 1000).toISOString();

function line(kind: string, second: number, data: unknown = null): LogLine {
  const base = { seq: second, level: "info", nodeId: "a", source: "baton", message: kind } as const;
  return { ...base, at: at(second), kind, data };
}

const node: NodeRun = {
  id: "a",
  type: "RemoteWebhook",
  label: "A",
  status: "RUNNING",
  attempt: 1,
  startedAt: at(1),
  finishedAt: null,
  input: null,
  output: null,
  error: null,
  port: null,
  remote: null,
  reused: false,
  attempts: [],
};

test("tries, waits and queues are told apart, and what goes on ends now", () => {
  const lines = [
    line("node.started", 1, { attempt: 1 }),
    line("node.retrying", 2),
    line("node.started", 5, { attempt: 2 }),
    line("node.queued", 6),
    line("node.waiting", 8),
  ];
  expect(segmentsOf(node, lines, 10_000)).toEqual([
    { from: 1000, to: 2000, phase: "running", attempt: 1, failed: true },
    { from: 5000, to: 6000, phase: "running", attempt: 2, failed: false },
    { from: 6000, to: 8000, phase: "queued", attempt: 2, failed: false },
    { from: 8000, to: 10_000, phase: "waiting", attempt: 2, failed: false },
  ]);
});

test("a queue is over when the platform's log begins", () => {
  const said = { ...line("log", 4), source: "airflow" };
  const lines = [line("node.started", 1), line("node.queued", 2), said, line("node.completed", 6)];
  expect(segmentsOf(node, lines, 9000).map(({ from, to, phase }) => [from, to, phase])).toEqual([
    [1000, 2000, "running"],
    [2000, 4000, "queued"],
    [4000, 6000, "running"],
  ]);
});

test("without lines the attempts are shown", () => {
  expect(segmentsOf(node, [], 3000)).toEqual([
    { from: 1000, to: 3000, phase: "running", attempt: 1, failed: false },
  ]);
  expect(segmentsOf({ ...node, startedAt: null }, [], 3000)).toEqual([]);
});

test("tries of a remote task stand together, with their time in the queue", () => {
  const task = (attempt: number, state: RemoteTask["state"], ...times: (number | null)[]): RemoteTask => {
    const [queued, started, finished] = times.map((each) => (each == null ? null : at(each)));
    const of = { queuedAt: queued ?? null, startedAt: started ?? null, finishedAt: finished ?? null };
    return { id: "load", label: "load", state, raw: null, attempt, url: null, ...of };
  };
  const tries = [task(1, "FAILED", 1, 2, 3), task(2, "RUNNING", 4, 5)];
  expect(byTask(tries)).toEqual([{ id: "load", label: "load", state: "RUNNING", tries }]);
  expect(segmentsOfTask(tries, 9000).map(({ from, to, phase, failed }) => [from, to, phase, failed])).toEqual(
    [
      [1000, 2000, "queued", false],
      [2000, 3000, "running", true],
      [4000, 5000, "queued", false],
      [5000, 9000, "running", false],
    ],
  );
  expect(segmentsOfTask([task(0, "FAILED", null, null, null)], 9000)).toEqual([]);
});

test("the axis has a handful of round places", () => {
  expect(ticks(0, 10_000, 0)).toEqual([2000, 4000, 6000, 8000]);
  expect(ticks(500, 1500, 0)).toEqual([600, 800, 1000, 1200, 1400]);
  expect(ticks(0, 400_000_000, 0).length).toBeLessThan(7);
});
