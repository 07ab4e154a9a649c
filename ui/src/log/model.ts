import type { Level, LogLine } from "@/api/types";
import { t } from "@/lib/text";
import { plain } from "./ansi";

export const LEVELS: Record<Level, number> = { debug: 0, info: 1, warning: 2, error: 3 };

export type Source = { value: string; label: string };

/** Where a line comes from: "baton", "airflow", "airflow/load/3" for a try of a task. */
export function sourceOf(line: LogLine): string {
  const { task, attempt } = taskOf(line);
  return task === null ? line.source : `${line.source}/${task}${attempt === null ? "" : `/${attempt}`}`;
}

export function taskOf(line: LogLine): { task: string | null; attempt: number | null } {
  const data = line.source === "baton" ? null : (line.data as { task?: unknown; attempt?: unknown } | null);
  return {
    task: typeof data?.task === "string" ? data.task : null,
    attempt: typeof data?.attempt === "number" ? data.attempt : null,
  };
}

/** When it was said: a platform's line keeps the platform's own time, and is recorded a little later. */
export function saidAt(line: LogLine): string {
  const at = line.source === "baton" ? null : (line.data as { at?: unknown } | null)?.at;
  return typeof at === "string" && !Number.isNaN(Date.parse(at)) ? at : line.at;
}

/** Every source there is to choose, a task's tries below its platform. */
export function sourcesOf(lines: readonly LogLine[]): Source[] {
  const found = new Map<string, Source>();
  for (const line of lines) {
    if (!found.has(line.source))
      found.set(line.source, {
        value: line.source,
        label: line.source === "baton" ? t("Baton") : t("{source}, all", { source: line.source }),
      });
    const { task, attempt } = taskOf(line);
    const value = sourceOf(line);
    if (task !== null && !found.has(value))
      found.set(value, {
        value,
        label: `${line.source} · ${task}${attempt === null ? "" : t(" · try {attempt}", { attempt })}`,
      });
  }
  return [...found.values()].sort((a, b) => rank(a.value) - rank(b.value) || compare(a.value, b.value));
}

export function narrowed(lines: readonly LogLine[], source: string | null, level: Level): readonly LogLine[] {
  if (source === null && level === "debug") return lines;
  return lines.filter(
    (line) =>
      LEVELS[line.level] >= LEVELS[level] &&
      (source === null || line.source === source || sourceOf(line) === source),
  );
}

/** The places of the lines that hold `text`, in any case; what is folded counts, too. */
export function hits(lines: readonly LogLine[], text: string): number[] {
  const wanted = text.trim();
  if (wanted === "") return [];
  const found: number[] = [];
  lines.forEach((line, index) => {
    const { head, rest } = folded(line);
    if (holds(head, wanted) || (rest !== null && holds(rest, wanted))) found.push(index);
  });
  return found;
}

/** Whether a hit in this line can be seen only when it is unfolded. */
export function hitInside({ head, rest }: { head: string; rest: string | null }, text: string): boolean {
  const wanted = text.trim();
  return wanted !== "" && rest !== null && !holds(head, wanted) && holds(rest, wanted);
}

function holds(text: string, wanted: string): boolean {
  return plain(text).toLowerCase().includes(wanted.toLowerCase());
}

/** A text cut where `wanted` stands in it, in any case: every second part is a hit. */
export function cutAt(text: string, wanted: string): string[] {
  const word = wanted.trim();
  if (word === "") return [text];
  return text.split(new RegExp(`(${word.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")})`, "i"));
}

const RAISED = /^[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt|Failure|Timeout)\b.*$/;

/** A line cut in its first useful words and the rest, which is folded: a traceback says at its end what went wrong. */
export function folded(line: LogLine): { head: string; rest: string | null } {
  const extra = beyond(detailOf(line), line.message);
  const rows = line.message.split("\n");
  if (rows.length === 1) return { head: line.message, rest: extra };
  const useful =
    [...rows].reverse().find((row) => RAISED.test(plain(row).trim())) ??
    rows.find((row) => plain(row).trim() !== "") ??
    "";
  const rest = [line.message, extra].filter((part) => part !== null).join("\n");
  return { head: useful.trim(), rest };
}

/** The detail without a first line that says what the message says. */
function beyond(detail: string | null, message: string): string | null {
  if (detail === null || detail === message) return null;
  return detail.startsWith(`${message}\n`) ? detail.slice(message.length + 1) : detail;
}

type Raised = {
  type?: unknown;
  value?: unknown;
  frames?: { file?: string; line?: number; function?: string }[];
};

/** What a platform added to an error: a traceback as text, or exceptions with their frames. */
function detailOf(line: LogLine): string | null {
  const data = line.data as { traceback?: unknown; exceptions?: unknown } | null;
  if (typeof data !== "object" || data === null) return null;
  if (typeof data.traceback === "string") return data.traceback;
  if (!Array.isArray(data.exceptions)) return null;
  return (data.exceptions as Raised[])
    .map((each) =>
      [
        `${each.type}: ${each.value}`,
        ...(each.frames ?? []).map((frame) => `  at ${frame.function} (${frame.file}:${frame.line})`),
      ].join("\n"),
    )
    .join("\n");
}

/** The lines as text for a file: number, time, level, source, message. */
export function asText(lines: readonly LogLine[]): string {
  return lines
    .map((line) => {
      const { rest } = folded(line);
      const head = [line.seq, line.at, line.level.toUpperCase().padEnd(7), sourceOf(line), line.message].join(
        " ",
      );
      return plain(rest === null || rest.startsWith(line.message) ? head : `${head}\n${rest}`);
    })
    .join("\n");
}

function rank(value: string): number {
  return value === "baton" ? 0 : 1;
}

function compare(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
