import type { RunFilter } from "@/api/queries";
import type { RunState } from "@/api/types";
import { locale, t } from "@/lib/text";
import { clock, duration } from "@/lib/time";
import { lookOf, RUN_STATES } from "@/ui";
import { TRIGGERS, type TriggerKind } from "@/ui/trigger";

/** What the address says; words that the API does not know are left out of the query. */
export type RunsSearch = {
  status?: string[];
  orchestratorId?: string;
  provider?: string;
  trigger?: string;
  by?: string;
  label?: string[];
  q?: string;
  since?: string;
  until?: string;
  minSeconds?: number;
  held?: boolean;
  slow?: boolean;
  waitingForMe?: boolean;
  archived?: boolean;
  error?: string;
  revision?: number;
  group?: string;
};

export const SINCE: Record<string, { label: string; hours: number }> = {
  "1h": { label: t("Last hour"), hours: 1 },
  "24h": { label: t("Last 24 hours"), hours: 24 },
  "7d": { label: t("Last 7 days"), hours: 168 },
  "30d": { label: t("Last 30 days"), hours: 720 },
};

export const GROUPS = {
  none: t("No groups"),
  error: t("By error"),
  flow: t("By orchestrator"),
  workflow: t("By remote workflow"),
  day: t("By day"),
} as const;
export type Grouping = keyof typeof GROUPS;

export function groupingOf(search: RunsSearch): Grouping {
  return search.group !== undefined && search.group in GROUPS ? (search.group as Grouping) : "none";
}

/** The query of an address, with presets counted back from `now`. */
export function filterOf(search: RunsSearch, now: number): RunFilter {
  const status = search.status?.filter((word): word is RunState => RUN_STATES.includes(word as RunState));
  const label = search.label?.filter((pair) => pair.includes(":"));
  return present<RunFilter>({
    status: status?.length ? status : undefined,
    orchestratorId: search.orchestratorId,
    provider: search.provider,
    trigger:
      search.trigger !== undefined && search.trigger in TRIGGERS
        ? (search.trigger as TriggerKind)
        : undefined,
    by: search.by,
    label: label?.length ? label : undefined,
    q: search.q,
    since: beginning(search.since, now),
    until: moment(search.until),
    minSeconds: search.minSeconds,
    held: search.held,
    slow: search.slow,
    waitingForMe: search.waitingForMe,
    archived: search.archived,
    revision: search.revision || undefined,
    error: search.error !== undefined && /^[0-9a-f]{32}$/.test(search.error) ? search.error : undefined,
  });
}

const BACK = /^([1-9]\d{0,4})(m|h|d|w)$/;
const MS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

/** Milliseconds of "24h", "45m"; null for what is no such span. */
function back(since: string): number | null {
  const found = BACK.exec(since);
  return found ? Number(found[1]) * (MS[found[2] ?? ""] ?? 0) : null;
}

/** Whether the list knows what to make of it: a span back from now, or a time. */
export function isSince(text: string): boolean {
  return back(text) !== null || moment(text) !== undefined;
}

function beginning(since: string | undefined, now: number): string | undefined {
  const span = back(since ?? "");
  return span === null ? moment(since) : new Date(now - span).toISOString();
}

function moment(text: string | undefined): string | undefined {
  const at = Date.parse(text ?? "");
  return Number.isNaN(at) ? undefined : new Date(at).toISOString();
}

/** What narrows the list, each with its name in words and the change that takes it away. */
export function narrowings(
  search: RunsSearch,
  names: { flow?: string; provider?: string },
): Array<{ key: string; text: string; without: Partial<RunsSearch> }> {
  const found: Array<{ key: string; text: string; without: Partial<RunsSearch> }> = [];
  const add = (key: keyof RunsSearch, text: string, without: Partial<RunsSearch> = { [key]: undefined }) =>
    found.push({ key, text, without });
  if (search.status?.length) {
    add("status", search.status.map((word) => lookOf(word).label).join(t(" or ")));
  }
  if (search.orchestratorId) add("orchestratorId", names.flow ?? t("one orchestrator"));
  if (search.provider) add("provider", names.provider ?? search.provider);
  if (search.trigger) add("trigger", TRIGGERS[search.trigger as TriggerKind] ?? search.trigger);
  if (search.by) add("by", t("started by {by}", { by: search.by }));
  for (const label of search.label ?? []) {
    const rest = search.label?.filter((other) => other !== label);
    found.push({ key: `label ${label}`, text: label, without: { label: rest?.length ? rest : undefined } });
  }
  if (search.q) add("q", `“${search.q}”`);
  if (search.since || search.until) {
    add("since", timeText(search), { since: undefined, until: undefined });
  }
  if (search.minSeconds)
    add("minSeconds", t("took over {time}", { time: duration(search.minSeconds * 1000) }));
  if (search.held) add("held", t("held back by an outage"));
  if (search.slow) add("slow", t("slower than usual"));
  if (search.waitingForMe) add("waitingForMe", t("waiting for me"));
  if (search.archived) add("archived", t("archived"));
  if (search.error) add("error", t("one kind of failure"));
  if (search.revision) add("revision", t("revision {revision}", { revision: search.revision }));
  return found;
}

const DAY = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const YEAR = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });

/** The time asked for, in words. */
export function timeText({ since, until }: RunsSearch): string {
  const span = back(since ?? "");
  const preset =
    SINCE[since ?? ""] ?? (span === null ? undefined : { label: t("Last {time}", { time: duration(span) }) });
  if (preset && !until) return preset.label;
  const from = moment(since);
  const to = moment(until);
  if (from && to && dayOf(from) === dayOf(to)) return `${dayOf(from)}, ${timeOf(from)} – ${timeOf(to)}`;
  const start = preset ? preset.label : from && `${dayOf(from)}, ${timeOf(from)}`;
  const end = to && `${dayOf(to)}, ${timeOf(to)}`;
  if (start && end) return `${start} – ${end}`;
  return start ? t("Since {start}", { start }) : end ? t("Until {end}", { end }) : t("Any time");
}

function dayOf(at: string): string {
  const day = new Date(at);
  return (day.getFullYear() === new Date().getFullYear() ? DAY : YEAR).format(day);
}

/** Without seconds, where there are none. */
function timeOf(at: string): string {
  return clock(at).replace(/:00$/, "");
}

export function present<T extends object>(search: T): T {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as T;
}
