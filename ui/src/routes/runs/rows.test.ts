import { expect, test } from "vitest";
import type { RunItem } from "@/api/types";
import { csvOf, rowsOf, usualOf } from "./rows";
import { filterOf, narrowings, present } from "./search";

function run(number: number, change: Partial<RunItem> = {}): RunItem {
  return {
    id: `run-${number}`,
    number,
    orchestratorId: "a",
    orchestratorName: "A",
    revision: 1,
    status: "COMPLETED",
    inputs: {},
    output: null,
    error: null,
    trigger: { kind: "manual", by: "ann" },
    labels: {},
    startedAt: "2026-11-21T10:00:00.000Z",
    finishedAt: `2026-11-21T10:00:${String(number).padStart(2, "0")}.000Z`,
    createdDate: "2026-11-21T10:00:00.000Z",
    updatedDate: "2026-11-21T10:00:00.000Z",
    retryOf: null,
    parentRunId: null,
    waiting: [],
    keep: false,
    archivedDate: null,
    steps: [],
    ...change,
  };
}

test("an unfolded run is followed by what is known of it", () => {
  const rows = rowsOf([run(2), run(1)], "none", new Set(["run-2"]));
  expect(rows.map((row) => row.kind)).toEqual(["run", "detail", "run"]);
});

test("groups stand in the order of their newest run and count what is loaded", () => {
  const other = { orchestratorId: "b", orchestratorName: "B" };
  const rows = rowsOf([run(3, other), run(2), run(1, { ...other, status: "FAILED" })], "flow", new Set());
  expect(
    rows.map((row) => (row.kind === "head" ? `${row.title} ${row.runs} ${row.failed}` : row.id)),
  ).toEqual(["B 2 1", "run-3", "run-1", "A 1 0", "run-2"]);
});

test("by remote workflow, a run stands with each that it calls, and once", () => {
  const step = (id: string, workflowId: string, status: "COMPLETED" | "FAILED" = "COMPLETED") => ({
    id,
    label: id,
    status,
    provider: "n8n",
    workflowId,
    workflowName: workflowId === "named" ? "A name" : null,
  });
  const steps = [step("a", "leads"), step("b", "orders", "FAILED"), step("c", "leads")];
  const rows = rowsOf([run(2, { status: "FAILED", steps }), run(1)], "workflow", new Set(["run-2"]));
  expect(
    rows.map((row) => (row.kind === "head" ? `${row.title} ${row.runs} ${row.failed}` : row.kind)),
  ).toEqual([
    "n8n · leads 1 0",
    "run",
    "detail",
    "n8n · orders 1 1",
    "run",
    "detail",
    "Calls no platform 1 0",
    "run",
  ]);
  expect(new Set(rows.map((row) => row.id)).size).toBe(rows.length);
});

test("usual is the median of the completed ones", () => {
  const failed = run(50, { status: "FAILED" });
  expect(usualOf([run(1), run(2), run(9), failed]).get("a")).toBe(2000);
  expect(usualOf([failed]).size).toBe(0);
});

test("a label that begins like a formula is none in a spreadsheet", () => {
  const text = csvOf([run(1, { orchestratorName: '=HYPERLINK("x")' })]);
  expect(text).toContain(`"'=HYPERLINK(""x"")"`);
  expect(text.split("\r\n")).toHaveLength(3);
});

test("what an address does not say right is left out of the query", () => {
  const filter = filterOf(
    { status: ["FAILED", "DONE"], trigger: "magic", label: ["x", "a:b"], since: "soon", error: "x" },
    0,
  );
  expect(filter).toEqual({ status: ["FAILED"], label: ["a:b"] });
  expect(filterOf({ since: "1h" }, 3_600_000)).toEqual({ since: "1970-01-01T00:00:00.000Z" });
});

test("each part that narrows the list can be taken away alone", () => {
  const search = { status: ["FAILED"], label: ["a:b", "c:d"], since: "24h", q: "x" };
  const found = narrowings(search, {});
  expect(found.map(({ text }) => text)).toEqual(["Failed", "a:b", "c:d", "“x”", "Last 24 hours"]);
  expect(present({ ...search, ...found[1]?.without })).toEqual({ ...search, label: ["c:d"] });
});
