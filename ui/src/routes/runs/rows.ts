import type { RunItem } from "@/api/types";
import { locale, t } from "@/lib/text";
import { elapsed } from "@/lib/time";
import type { Grouping } from "./search";

/** A line of the list: a run, the heading of a group, or what is known of a run that is unfolded. */
export type Row =
  | { kind: "head"; id: string; title: string; runs: number; failed: number }
  | { kind: "run"; id: string; run: RunItem }
  | { kind: "detail"; id: string; run: RunItem };

const DAY = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });

type Group = { title: string; runs: RunItem[]; failed: number };

/** The lines for the runs that are loaded; groups stand in the order of their newest run. By remote workflow, a run stands with
 * each that it calls, and counts as failed where that step failed. */
export function rowsOf(runs: readonly RunItem[], grouping: Grouping, open: ReadonlySet<string>): Row[] {
  const lines = (of: readonly RunItem[], prefix = ""): Row[] =>
    of.flatMap((run): Row[] => [
      { kind: "run", id: prefix + run.id, run },
      ...(open.has(run.id) ? [{ kind: "detail", id: `${prefix}${run.id} detail`, run } as const] : []),
    ]);
  if (grouping === "none" || grouping === "error") return lines(runs);
  const groups = new Map<string, Group>();
  for (const run of runs) {
    for (const { key, title, failed } of placesOf(run, grouping)) {
      const group = groups.get(key) ?? { title, runs: [], failed: 0 };
      group.runs.push(run);
      if (failed) group.failed += 1;
      groups.set(key, group);
    }
  }
  return [...groups].flatMap(([key, group]) => [
    {
      kind: "head",
      id: `group ${key}`,
      title: group.title,
      runs: group.runs.length,
      failed: group.failed,
    } as const,
    ...lines(group.runs, grouping === "workflow" ? `${key} ` : ""),
  ]);
}

type PlaceOf = { key: string; title: string; failed: boolean };
const BAD: ReadonlySet<string> = new Set(["FAILED", "TIMED_OUT"]);

/** The groups a run stands in, each once. */
function placesOf(run: RunItem, grouping: Grouping): PlaceOf[] {
  const failed = run.status === "FAILED";
  if (grouping === "flow") return [{ key: run.orchestratorId, title: run.orchestratorName, failed }];
  if (grouping === "day") return [{ key: dayOf(run), title: dayOf(run), failed }];
  const found = new Map<string, PlaceOf>();
  for (const step of run.steps) {
    if (step.provider === null) continue;
    const title =
      step.workflowId === null ? step.provider : `${step.provider} · ${step.workflowName ?? step.workflowId}`;
    const key = `${step.provider} ${step.workflowId}`;
    const bad = BAD.has(step.status) || found.get(key)?.failed === true;
    found.set(key, { key, title, failed: bad });
  }
  return found.size ? [...found.values()] : [{ key: "none", title: t("Calls no platform"), failed }];
}

function dayOf(run: RunItem): string {
  return DAY.format(new Date(run.createdDate));
}

const ENOUGH = 200;

/** How long a run of each orchestrator usually takes: the median of the newest completed ones that are loaded. */
export function usualOf(runs: readonly RunItem[]): ReadonlyMap<string, number> {
  const took = new Map<string, number[]>();
  for (const run of runs) {
    const ms = run.status === "COMPLETED" ? elapsed(run.startedAt, run.finishedAt) : null;
    if (ms === null) continue;
    const known = took.get(run.orchestratorId) ?? [];
    if (known.length < ENOUGH) known.push(ms);
    took.set(run.orchestratorId, known);
  }
  return new Map(
    [...took].map(([flow, all]) => [flow, all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0]),
  );
}

const COLUMNS = [
  "number",
  "status",
  "orchestrator",
  "revision",
  "trigger",
  "by",
  "created",
  "started",
  "finished",
];

const HEAD = [...COLUMNS, "code", "message", "labels", "id"];

/** The runs as a table for other programs; without `head`, what goes on after another piece of it. */
export function csvOf(runs: readonly RunItem[], head = true): string {
  const lines = runs.map((run) =>
    [
      run.number,
      run.status,
      run.orchestratorName,
      run.revision,
      run.trigger.kind,
      run.trigger.by,
      run.createdDate,
      run.startedAt ?? "",
      run.finishedAt ?? "",
      run.error?.code ?? "",
      run.error?.message ?? "",
      Object.entries(run.labels)
        .map(([key, value]) => `${key}:${value}`)
        .join(" "),
      run.id,
    ].map(cell),
  );
  return [...(head ? [HEAD] : []), ...lines].map((line) => `${line.join(",")}\r\n`).join("");
}

/** Quoted; and never a formula, however a label or a message begins. */
function cell(value: string | number): string {
  const text = String(value);
  return `"${(typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
}
