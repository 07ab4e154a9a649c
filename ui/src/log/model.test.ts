import { expect, test } from "vitest";
import type { LogLine } from "@/api/types";
import { asText, cutAt, folded, hitInside, hits, narrowed, sourcesOf } from "./model";

function line(seq: number, message: string, more: Partial<LogLine> = {}): LogLine {
  const base = { at: "2026-01-10T12:00:00.000Z", kind: "log", level: "info", nodeId: "a" } as const;
  return { ...base, seq, source: "baton", message, data: null, ...more };
}

const LINES = [
  line(1, "started"),
  line(2, "loading", { source: "airflow", data: { task: "load", attempt: 10 } }),
  line(3, "loading", { source: "airflow", data: { task: "load", attempt: 2 } }),
  line(4, "Boom", { source: "airflow", level: "error", data: { task: "load", attempt: 10 } }),
];

test("sources are ours, the platform's, and each try of a task", () => {
  expect(sourcesOf(LINES)).toEqual([
    { value: "baton", label: "Baton" },
    { value: "airflow", label: "airflow, all" },
    { value: "airflow/load/2", label: "airflow · load · try 2" },
    { value: "airflow/load/10", label: "airflow · load · try 10" },
  ]);
  const shown = (source: string | null, level: LogLine["level"]) =>
    narrowed(LINES, source, level).map((each) => each.seq);
  expect(shown("airflow", "debug")).toEqual([2, 3, 4]);
  expect(shown("airflow/load/10", "debug")).toEqual([2, 4]);
  expect(shown(null, "error")).toEqual([4]);
});

test("a search finds places in any case", () => {
  expect(hits(LINES, " LOAD")).toEqual([1, 2]);
  expect(hits(LINES, "  ")).toEqual([]);
});

test("a search finds what is folded, and knows that it is", () => {
  const failed = line(1, 'Traceback:\n  File "x.py"\nValueError: no amount');
  expect(hits([failed], "x.py")).toEqual([0]);
  expect(hitInside(folded(failed), "x.py")).toBe(true);
  expect(hitInside(folded(failed), "amount")).toBe(false);
});

test("every hit of a line is marked, whatever signs it is made of", () => {
  expect(cutAt("a(b) A(B)", "a(b)")).toEqual(["", "a(b)", " ", "A(B)", ""]);
  expect(cutAt("a", " ")).toEqual(["a"]);
});

test("an error is folded to the line that says what went wrong", () => {
  const text = 'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: no amount';
  expect(folded(line(1, text))).toEqual({ head: "ValueError: no amount", rest: text });
  expect(folded(line(1, "one line"))).toEqual({ head: "one line", rest: null });
  const frames = [{ file: "dags/x.py", line: 27, function: "load" }];
  const data = { exceptions: [{ type: "ValueError", value: "no amount", frames }] };
  expect(folded(line(1, "ValueError: no amount", { data })).rest).toBe("  at load (dags/x.py:27)");
});

test("a file of the lines has what the screen has", () => {
  expect(asText(LINES.slice(2)).split("\n")).toEqual([
    "3 2026-01-10T12:00:00.000Z INFO    airflow/load/2 loading",
    "4 2026-01-10T12:00:00.000Z ERROR   airflow/load/10 Boom",
  ]);
});
