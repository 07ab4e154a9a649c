import { t } from "@/lib/text";
import { lookOf, RUN_STATES } from "@/ui";
import { TRIGGERS } from "@/ui/trigger";
import { isSince, type RunsSearch } from "./search";

/** What is wrong with a query, from one character to the next; counted from 0. */
export type QueryProblem = { from: number; to: number; text: string };
/** `flow`: an orchestrator is asked for by its name; whoever knows the names puts its id into the search. */
export type ParsedQuery = {
  search: RunsSearch;
  flow: { name: string; from: number; to: number } | null;
  problems: QueryProblem[];
};

type Token = { key: string | null; value: string; from: number; at: number; to: number };

export const WORDS: ReadonlyArray<{ word: string; means: string }> = [
  { word: "status:failed", means: t("also several: status:failed,waiting") },
  { word: 'flow:"Nightly orders"', means: t("an orchestrator, by name or id") },
  { word: "revision:14", means: t("what ran this revision") },
  { word: "provider:make", means: t("calls this platform") },
  { word: "trigger:webhook", means: t("how it was started") },
  { word: "by:ann", means: t("who started it") },
  { word: "label:team:sales", means: t("has this label; repeat it for several") },
  { word: "is:slow", means: t("takes twice as long as usual, and a second more") },
  { word: "is:held", means: t("has a step that an outage holds back") },
  { word: "is:archived", means: t("was put away; else only what was not") },
  { word: "waiting:me", means: t("waits for a callback that I may give: my run, or my drawing") },
  { word: "since:24h", means: t("also 30m, 7d, or a time: since:2026-01-31T08:00") },
  { word: "until:2026-02-01", means: t("began before this time") },
  { word: "took:>90s", means: t("at least so long; also 500ms, 5m, 2h") },
  { word: '"no answer"', means: t("words of the name, the failure or the labels") },
];

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const UNITS: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600 };
const STATES = RUN_STATES.map((state) => state.toLowerCase());

type Read = (value: string, search: RunsSearch) => RunsSearch | string;

/** How each word is read: what it makes of a search, or what is wrong with its value. */
const READ: Record<string, Read> = {
  status: (value, search) => {
    const wanted = new Set(search.status);
    for (const each of value.toLowerCase().split(",")) {
      const state = RUN_STATES.find(
        (one) => one.toLowerCase() === each || lookOf(one).label.toLowerCase() === each,
      );
      if (!state)
        return t("There is no status “{each}”. There are {states}.", { each, states: STATES.join(", ") });
      wanted.add(state);
    }
    return { status: RUN_STATES.filter((state) => wanted.has(state)) };
  },
  provider: (value) => ({ provider: value }),
  trigger: (value) =>
    Object.hasOwn(TRIGGERS, value)
      ? { trigger: value }
      : t("There is no trigger “{value}”. There are {triggers}.", {
          value,
          triggers: Object.keys(TRIGGERS).join(", "),
        }),
  by: (value) => ({ by: value }),
  label: (value, search) =>
    /^[^:]+:/.test(value)
      ? { label: [...new Set([...(search.label ?? []), value])] }
      : t("A label is a key and a value: label:team:sales."),
  since: (value) =>
    isSince(value)
      ? { since: value }
      : t("“{value}” is no time. Write since:24h, or a time like 2026-01-31T08:00.", { value }),
  until: (value) =>
    Number.isNaN(Date.parse(value))
      ? t("“{value}” is no time. Write one like 2026-01-31T08:00.", { value })
      : { until: value },
  took: (value) => {
    const found = /^>?=?(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(value);
    const seconds = Number(found?.[1]) * (UNITS[found?.[2] ?? ""] ?? 0);
    return seconds > 0
      ? { minSeconds: seconds }
      : t("“{value}” is no duration. Write took:>90s, or 500ms, 5m, 2h.", { value });
  },
  is: (value) =>
    value === "slow" || value === "held" || value === "archived"
      ? { [value]: true }
      : t("Nothing is “{value}”. Write is:slow, is:held or is:archived.", { value }),
  waiting: (value) =>
    value === "me" ? { waitingForMe: true } : t("Only waiting:me is known, not “{value}”.", { value }),
  revision: (value) =>
    /^[1-9]\d{0,8}$/.test(value)
      ? { revision: Number(value) }
      : t("“{value}” is no number of a revision.", { value }),
  error: (value) =>
    /^[0-9a-f]{32}$/.test(value) ? { error: value } : t("A kind of failure is 32 letters, from “By error”."),
};
const SEVERAL = new Set(["status", "label", "is"]);

/** A query as text: `status:failed provider:make "401" since:24h`. What has no word before it is searched for. */
export function parseQuery(text: string): ParsedQuery {
  const problems: QueryProblem[] = [];
  const words: string[] = [];
  const seen = new Set<string>();
  let search: RunsSearch = {};
  let flow: ParsedQuery["flow"] = null;
  for (const token of tokensOf(text, problems)) {
    const { key, value, from, at, to } = token;
    const wrong = (what: string, start = at) => problems.push({ from: start, to, text: what });
    if (key === null) {
      if (value.trim()) words.push(value);
      continue;
    }
    const read = Object.hasOwn(READ, key) ? READ[key] : undefined;
    if (!read && key !== "flow") {
      wrong(t("There is no word “{key}:”. To search for it, put it in quotes.", { key }), from);
    } else if (value === "") {
      wrong(t("“{key}:” wants a value.", { key }), from);
    } else if (seen.has(key) && !SEVERAL.has(key)) {
      wrong(t("“{key}:” stands here twice.", { key }), from);
    } else if (!read) {
      if (UUID.test(value)) search = { ...search, orchestratorId: value.toLowerCase() };
      else flow = { name: value, from: at, to };
    } else {
      const made = read(value, search);
      if (typeof made === "string") wrong(made);
      else search = { ...search, ...made };
    }
    seen.add(key);
  }
  if (words.length) search = { ...search, q: words.join(" ") };
  return { search, flow, problems };
}

/** The same in the other direction; parsed again it is the same search. `flow`: the orchestrator's name, where it is known. */
export function queryText(search: RunsSearch, flow?: string): string {
  const parts: string[] = [];
  const add = (key: string, value: string | undefined) => {
    if (value !== undefined && value !== "") parts.push(`${key}:${quoted(value)}`);
  };
  if (search.status?.length) parts.push(`status:${search.status.join(",").toLowerCase()}`);
  add("flow", search.orchestratorId && (flow ?? search.orchestratorId));
  add("revision", search.revision?.toString());
  add("provider", search.provider);
  add("trigger", search.trigger);
  add("by", search.by);
  for (const label of search.label ?? []) add("label", label);
  add("error", search.error);
  add("took", search.minSeconds === undefined ? undefined : `>${plain(search.minSeconds)}s`);
  if (search.held) add("is", "held");
  if (search.slow) add("is", "slow");
  if (search.archived) add("is", "archived");
  if (search.waitingForMe) add("waiting", "me");
  add("since", search.since);
  add("until", search.until);
  if (search.q) parts.push(bare(search.q) ? search.q : quoted(search.q, true));
  return parts.join(" ");
}

/** A number without an exponent, which the text has no sign for. */
function plain(value: number): string {
  const text = String(value);
  return text.includes("e") ? value.toFixed(9).replace(/0+$/, "") : text;
}

/** Words that need no quotes, apart by single blanks. */
function bare(text: string): boolean {
  return /^[^\s":\\]+( [^\s":\\]+)*$/.test(text);
}

function quoted(value: string, always = false): string {
  if (!always && /^[^\s"\\]+$/.test(value)) return value;
  return `"${value.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** The parts between blanks. Quotes keep blanks together, after a word's colon too; a backslash keeps the sign after it. */
function* tokensOf(text: string, problems: QueryProblem[]): Generator<Token> {
  let place = 0;
  while (place < text.length) {
    if (/\s/.test(text.charAt(place))) {
      place += 1;
      continue;
    }
    const from = place;
    const key = /^([A-Za-z]+):/.exec(text.slice(place))?.[1] ?? null;
    const at = from + (key === null ? 0 : key.length + 1);
    place = at;
    let value = "";
    let open: number | null = null;
    for (; place < text.length; place += 1) {
      const sign = text.charAt(place);
      if (sign === "\\" && open !== null && place + 1 < text.length) {
        place += 1;
        value += text.charAt(place);
      } else if (sign === '"') open = open === null ? place : null;
      else if (open === null && /\s/.test(sign)) break;
      else value += sign;
    }
    if (open !== null)
      problems.push({ from: open, to: text.length, text: t("The quotes that begin here do not end.") });
    yield { key: key?.toLowerCase() ?? null, value, from, at, to: place };
  }
}
