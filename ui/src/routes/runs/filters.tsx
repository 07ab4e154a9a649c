import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useState } from "react";
import { orchestratorQuery, orchestratorsQuery, providersQuery, type RunFilter } from "@/api/queries";
import type { RunState } from "@/api/types";
import { cn } from "@/lib/cn";
import { Button, Combobox, Input, lookOf, RUN_STATES, SearchInput, Select, StatusIcon } from "@/ui";
import { TRIGGERS, type TriggerKind } from "@/ui/trigger";

/** What the address says; words that the API does not know are left out of the query. */
export type RunsSearch = {
  status?: string[];
  orchestratorId?: string;
  provider?: string;
  trigger?: string;
  label?: string[];
  q?: string;
  since?: string;
  until?: string;
};

const SINCE: Record<string, { label: string; hours: number }> = {
  "1h": { label: "Last hour", hours: 1 },
  "24h": { label: "Last 24 hours", hours: 24 },
  "7d": { label: "Last 7 days", hours: 168 },
  "30d": { label: "Last 30 days", hours: 720 },
};

const ANY = "any";

/** The query of an address, with presets counted back from `now`. */
export function filterOf(search: RunsSearch, now: number): RunFilter {
  const status = search.status?.filter((word): word is RunState => RUN_STATES.includes(word as RunState));
  const preset = SINCE[search.since ?? ""];
  const label = search.label?.filter((pair) => pair.includes(":"));
  const filter: RunFilter = {
    status: status?.length ? status : undefined,
    orchestratorId: search.orchestratorId,
    provider: search.provider,
    trigger:
      search.trigger !== undefined && search.trigger in TRIGGERS
        ? (search.trigger as TriggerKind)
        : undefined,
    label: label?.length ? label : undefined,
    q: search.q,
    since: preset ? new Date(now - preset.hours * 3_600_000).toISOString() : search.since,
    until: search.until,
  };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

type Props = { search: RunsSearch; onChange: (change: Partial<RunsSearch>) => void; onClear: () => void };

/** The filters of the list, all in view. */
export function Filters({ search, onChange, onClear }: Props) {
  const providers = useQuery(providersQuery);
  const chosen = new Set(search.status);
  const toggle = (status: RunState) => {
    const next = RUN_STATES.filter((word) => (word === status ? !chosen.has(word) : chosen.has(word)));
    onChange({ status: next.length ? [...next] : undefined });
  };
  const any = Object.values(search).some((value) => value !== undefined);
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-2">
        <SearchInput
          label="Search runs"
          className="w-full sm:w-64"
          value={search.q ?? ""}
          onChange={(q) => onChange({ q: q || undefined })}
        />
        {/* biome-ignore lint/a11y/useSemanticElements: a fieldset does not lay out as a row */}
        <div role="group" aria-label="Status" className="flex flex-wrap gap-1">
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
        {any && (
          <Button variant="ghost" size="sm" icon={X} onClick={onClear}>
            Clear filters
          </Button>
        )}
      </div>
      <div className="flex flex-wrap items-center gap-2">
        <div className="w-48">
          <OrchestratorFilter
            value={search.orchestratorId ?? null}
            onChange={(orchestratorId) => onChange({ orchestratorId: orchestratorId ?? undefined })}
          />
        </div>
        <Choice
          label="Provider"
          value={search.provider}
          options={(providers.data ?? []).map((each) => ({ value: each.name, label: each.title }))}
          onChange={(provider) => onChange({ provider })}
        />
        <Choice
          label="Trigger"
          value={search.trigger}
          options={Object.entries(TRIGGERS).map(([value, label]) => ({ value, label }))}
          onChange={(trigger) => onChange({ trigger })}
        />
        <Choice
          label="Time"
          value={search.since}
          options={Object.entries(SINCE).map(([value, { label }]) => ({ value, label }))}
          onChange={(since) => onChange({ since })}
        />
        <Labels value={search.label ?? []} onChange={(label) => onChange({ label })} />
      </div>
    </div>
  );
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
        { value: ANY, label: `${label}: any` },
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
      label="Orchestrator"
      placeholder="Orchestrator: any"
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
        aria-label="Add a label, as key:value"
        placeholder="Label, key:value"
        className="w-40"
        value={draft}
        aria-invalid={bad || undefined}
        onChange={(event) => setDraft(event.target.value)}
      />
      {value.map((each) => (
        <button
          key={each}
          type="button"
          aria-label={`Remove label ${each}`}
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
