import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { SlidersHorizontal, X } from "lucide-react";
import { useState } from "react";
import { orchestratorQuery, orchestratorsQuery, providersQuery } from "@/api/queries";
import type { RunState } from "@/api/types";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import {
  Button,
  Combobox,
  Dialog,
  Field,
  Input,
  lookOf,
  RUN_STATES,
  SearchInput,
  Select,
  StatusIcon,
} from "@/ui";
import { TRIGGERS } from "@/ui/trigger";
import { narrowings, type RunsSearch, SINCE, timeText } from "./search";

const ANY = "any";
const CUSTOM = "custom";
const LONGER: Record<string, string> = {
  1: t("Over 1 s"),
  10: t("Over 10 s"),
  60: t("Over 1 min"),
  600: t("Over 10 min"),
  3600: t("Over 1 h"),
};
const DURATIONS = [
  ...Object.entries(LONGER).map(([value, label]) => ({ value, label })),
  { value: "slow", label: t("Slower than usual") },
];

type Props = { search: RunsSearch; onChange: (change: Partial<RunsSearch>) => void; onClear: () => void };

/** The filters of the list, all in view. */
export function Filters({ search, onChange, onClear }: Props) {
  const providers = useQuery(providersQuery);
  const chosen = new Set(search.status);
  const toggle = (status: RunState) => {
    const next = RUN_STATES.filter((word) => (word === status ? !chosen.has(word) : chosen.has(word)));
    onChange({ status: next.length ? [...next] : undefined });
  };
  const [timing, setTiming] = useState(false);
  const [more, setMore] = useState(false);
  const own = search.until !== undefined || (search.since !== undefined && !(search.since in SINCE));
  const narrowed = narrowings(search, {});
  // What no control above shows.
  const listed = search.minSeconds !== undefined && search.minSeconds in LONGER && !search.slow;
  const others = narrowed.filter(
    ({ key }) =>
      ["by", "held", "waitingForMe", "archived", "error", "revision"].includes(key) ||
      (key === "minSeconds" && !listed),
  );
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-2">
        <SearchInput
          id="runs-search"
          label={t("Search runs")}
          className="w-full sm:w-64"
          value={search.q ?? ""}
          onChange={(q) => onChange({ q: q || undefined })}
        />
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset does not lay out as a row */}
        <div role="group" aria-label={t("Status")} className="flex flex-wrap gap-1">
          {RUN_STATES.map((status) => (
            <button
              key={status}
              type="button"
              aria-pressed={chosen.has(status)}
              onClick={() => toggle(status)}
              className={cn(
                "inline-flex h-8 items-center gap-1.5 rounded-md border border-line px-2 text-xs hover:bg-hover",
                chosen.has(status) ? "bg-accent-soft font-medium text-ink" : "bg-surface text-muted",
              )}
            >
              <StatusIcon status={status} hidden className="size-3.5 animate-none" />
              {lookOf(status).label}
            </button>
          ))}
        </div>
        <Button
          size="sm"
          aria-expanded={more}
          icon={SlidersHorizontal}
          className="md:hidden"
          onClick={() => setMore(!more)}
        >
          {more ? t("Fewer filters") : t("More filters")}
        </Button>
        {narrowed.length > 0 && (
          <Button variant="ghost" size="sm" icon={X} onClick={onClear}>
            {t("Clear filters")}
          </Button>
        )}
      </div>
      <div className={cn("flex-wrap items-center gap-2 md:flex", more ? "flex" : "hidden")}>
        <div className="w-48">
          <OrchestratorFilter
            value={search.orchestratorId ?? null}
            onChange={(orchestratorId) => onChange({ orchestratorId: orchestratorId ?? undefined })}
          />
        </div>
        <Choice
          label={t("Provider")}
          value={search.provider}
          options={(providers.data ?? []).map((each) => ({ value: each.name, label: each.title }))}
          onChange={(provider) => onChange({ provider })}
        />
        <Choice
          label={t("Trigger")}
          value={search.trigger}
          options={Object.entries(TRIGGERS).map(([value, label]) => ({ value, label }))}
          onChange={(trigger) => onChange({ trigger })}
        />
        <Select
          label={t("Time")}
          className={own ? "w-64" : "w-36"}
          value={own ? CUSTOM : (search.since ?? ANY)}
          onChange={(next) => {
            if (next === CUSTOM || next === "change") setTiming(true);
            else onChange({ since: next === ANY ? undefined : next, until: undefined });
          }}
          options={[
            { value: ANY, label: t("Time: any") },
            ...Object.entries(SINCE).map(([value, { label }]) => ({ value, label })),
            ...(own ? [{ value: CUSTOM, label: timeText(search) }] : []),
            { value: own ? "change" : CUSTOM, label: own ? t("Another time …") : t("From … to …") },
          ]}
        />
        <Choice
          label={t("Duration")}
          value={search.slow ? "slow" : listed ? String(search.minSeconds) : undefined}
          options={DURATIONS}
          onChange={(next) =>
            onChange({
              slow: next === "slow" || undefined,
              minSeconds: next === undefined || next === "slow" ? undefined : Number(next),
            })
          }
        />
        <Labels value={search.label ?? []} onChange={(label) => onChange({ label })} />
        {others.map(({ key, text, without }) => (
          <button
            key={key}
            type="button"
            aria-label={t("Remove the filter: {text}", { text })}
            onClick={() => onChange(without)}
            className="inline-flex h-8 max-w-72 items-center gap-1 rounded-md bg-accent-soft px-2 text-xs"
          >
            <span className="truncate first-letter:uppercase">{text}</span>
            <X aria-hidden className="size-3.5 shrink-0" />
          </button>
        ))}
      </div>
      {timing && (
        <OwnTime
          search={search}
          onClose={() => setTiming(false)}
          onChoose={(time) => {
            onChange(time);
            setTiming(false);
          }}
        />
      )}
    </div>
  );
}

/** From and to, in the reader's own zone. */
function OwnTime({
  search,
  onChoose,
  onClose,
}: {
  search: RunsSearch;
  onChoose: (time: { since: string | undefined; until: string | undefined }) => void;
  onClose: () => void;
}) {
  const [from, setFrom] = useState(() => local(search.since));
  const [to, setTo] = useState(() => local(search.until));
  const upsideDown = from !== "" && to !== "" && from >= to;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("Runs started between")}
      size="sm"
      footer={
        <Button
          variant="primary"
          disabled={upsideDown}
          onClick={() => onChoose({ since: instant(from), until: instant(to) })}
        >
          {t("Show these")}
        </Button>
      }
    >
      <div className="flex flex-col gap-3">
        <Field label={t("From")} hint={t("Empty: from the first run on.")}>
          <Input type="datetime-local" value={from} onChange={(event) => setFrom(event.target.value)} />
        </Field>
        <Field
          label={t("To")}
          hint={t("Empty: until now.")}
          error={upsideDown ? t("This is before the beginning.") : undefined}
        >
          <Input type="datetime-local" value={to} onChange={(event) => setTo(event.target.value)} />
        </Field>
      </div>
    </Dialog>
  );
}

/** As the browser's own field for times wants it: the reader's zone, to the minute. */
function local(at: string | undefined): string {
  const time = Date.parse(at ?? "");
  if (Number.isNaN(time)) return "";
  return new Date(time - new Date(time).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function instant(text: string): string | undefined {
  return text === "" ? undefined : new Date(text).toISOString();
}

function Choice({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: string | undefined;
  options: Array<{ value: string; label: string }>;
  onChange: (value: string | undefined) => void;
}) {
  const known = value === undefined || options.some((option) => option.value === value);
  return (
    <Select
      label={label}
      className="w-36"
      value={value ?? ANY}
      onChange={(next) => onChange(next === ANY ? undefined : next)}
      options={[
        { value: ANY, label: t("{label}: any", { label }) },
        ...options,
        ...(known ? [] : [{ value, label: value }]),
      ]}
    />
  );
}

function OrchestratorFilter({
  value,
  onChange,
}: {
  value: string | null;
  onChange: (value: string | null) => void;
}) {
  const [text, setText] = useState("");
  const list = useInfiniteQuery(orchestratorsQuery(text));
  const one = useQuery({ ...orchestratorQuery(value ?? ""), enabled: value !== null });
  const found = list.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Combobox
      label={t("Orchestrator")}
      placeholder={t("Orchestrator: any")}
      value={value}
      onChange={onChange}
      clearable
      loading={list.isPending}
      onSearch={setText}
      shown={value === null ? undefined : one.data?.name}
      options={found.map((each) => ({ value: each.id, label: each.name }))}
    />
  );
}

function Labels({ value, onChange }: { value: string[]; onChange: (value: string[] | undefined) => void }) {
  const [draft, setDraft] = useState("");
  const pair = draft.trim();
  const bad = pair !== "" && !/^[^:]+:.+/.test(pair);
  return (
    <form
      className="flex flex-wrap items-center gap-1"
      onSubmit={(event) => {
        event.preventDefault();
        if (!pair || bad) return;
        onChange([...new Set([...value, pair])]);
        setDraft("");
      }}
    >
      <Input
        aria-label={t("Add a label, as key:value")}
        placeholder={t("Label, key:value")}
        className="w-40"
        value={draft}
        aria-invalid={bad || undefined}
        onChange={(event) => setDraft(event.target.value)}
      />
      {value.map((each) => (
        <button
          key={each}
          type="button"
          aria-label={t("Remove label {each}", { each })}
          onClick={() => {
            const rest = value.filter((other) => other !== each);
            onChange(rest.length ? rest : undefined);
          }}
          className="inline-flex h-8 max-w-60 items-center gap-1 rounded-md bg-accent-soft px-2 text-xs"
        >
          <span className="truncate">{each}</span>
          <X aria-hidden className="size-3.5 shrink-0" />
        </button>
      ))}
    </form>
  );
}
