import type { RunItem } from "@/api/types";
import { elapsed } from "@/lib/time";
import type { Grouping } from "./search";

/** A line of the list: a run, the heading of a group, or what is known of a run that is unfolded. */
export type Row =
  | { kind: "head"; id: string; title: string; runs: number; failed: number }
  | { kind: "run"; id: string; run: RunItem }
  | { kind: "detail"; id: string; run: RunItem };

const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

/** The lines for the runs that are loaded; groups stand in the order of their newest run. */
export function rowsOf(runs: readonly RunItem[], grouping: Grouping, open: ReadonlySet<string>): Row[] {
  const lines = (of: readonly RunItem[]): Row[] =>
    of.flatMap((run): Row[] => [
      { kind: "run", id: run.id, run },
      ...(open.has(run.id) ? [{ kind: "detail", id: `${run.id} detail`, run } as const] : []),
    ]);
  if (grouping !== "flow" && grouping !== "day") return lines(runs);
  const groups = Map.groupBy(runs, (run) => (grouping === "flow" ? run.orchestratorId : dayOf(run)));
  return [...groups].flatMap(([key, of]) => [
    {
      kind: "head",
      id: `group ${key}`,
      title: grouping === "flow" ? (of[0]?.orchestratorName ?? "") : key,
      runs: of.length,
      failed: of.filter((run) => run.status === "FAILED").length,
    } as const,
    ...lines(of),
  ]);
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

/** The runs as a table for other programs. */
export function csvOf(runs: readonly RunItem[]): string {
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
  const head = [...COLUMNS, "code", "message", "labels", "id"];
  return `${[head, ...lines].map((line) => line.join(",")).join("\r\n")}\r\n`;
}

/** Quoted; and never a formula, however a label or a message begins. */
function cell(value: string | number): string {
  const text = String(value);
  return `"${(typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
}
