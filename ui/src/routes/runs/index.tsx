import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { ArrowUp, CloudOff, Info, Keyboard, RefreshCw, Terminal } from "lucide-react";
import { useCallback, useMemo, useState } from "react";
import { ended, useMay } from "@/api/queries";
import type { RunItem } from "@/api/types";
import { cn } from "@/lib/cn";
import { usePersistent } from "@/lib/persist";
import { keyOf, keysOf, type Row, SHORTCUTS, type ShortcutId, useShortcuts } from "@/lib/shortcuts";
import { rich, t } from "@/lib/text";
import { useCommands } from "@/shell/commands";
import {
  IconButton,
  Kbd,
  Loaded,
  NODE_STATES,
  Page,
  Popover,
  Segmented,
  Skeleton,
  StatusLegend,
  Timestamp,
} from "@/ui";
import { ArchiveDialog, useArchiveOne } from "./archive";
import { BulkBar, BulkDialog, type Task } from "./bulk";
import { NoRuns } from "./empty";
import { ExportAll } from "./export";
import { Filters } from "./filters";
import { ErrorGroups } from "./groups";
import { Histogram } from "./histogram";
import { type RunActions, RunList } from "./list";
import { QueryLine } from "./query-line";
import { rowsOf, usualOf } from "./rows";
import { GROUPS, type Grouping, groupingOf, present, type RunsSearch } from "./search";
import { TableMenu, useTableLook } from "./table-menu";
import { useRuns } from "./use-runs";
import { Views } from "./views";

const route = getRouteApi("/runs");
const NOTHING: ReadonlySet<string> = new Set();
const KEYS = Object.entries(SHORTCUTS["List of runs"]) as [ShortcutId, Row][];

/** Every run, newest first; what is asked for stands in the address. */
export function RunsPage() {
  const search: RunsSearch = route.useSearch();
  const navigate = useNavigate({ from: "/runs" });
  const may = useMay("operator");
  const grouping = groupingOf(search);
  const { query, filter, runs, newer, manyNewer, look, paused } = useRuns(search);
  const table = useTableLook();
  const [asText, setAsText] = usePersistent("runs:as-text", false);
  const [selected, setSelected] = useState(NOTHING);
  const [expanded, setExpanded] = useState(NOTHING);
  const [asked, setAsked] = useState<{ task: Task | "archive"; runs: readonly RunItem[] } | null>(null);
  const rows = useMemo(() => rowsOf(runs, grouping, expanded), [runs, grouping, expanded]);
  const usual = useMemo(() => usualOf(runs), [runs]);
  const chosen = useMemo(() => runs.filter((run) => selected.has(run.id)), [runs, selected]);

  const change = useCallback(
    (part: Partial<RunsSearch>) =>
      void navigate({ search: (before) => present({ ...before, ...part }), replace: true }),
    [navigate],
  );
  const open = (next: RunsSearch) => void navigate({ search: present({ ...next, group: search.group }) });
  const clear = () => void navigate({ search: present({ group: search.group }), replace: true });
  const group = (next: Grouping) => change({ group: next === "none" ? undefined : next });
  const byError = () => group(grouping === "error" ? "none" : "error");
  const find = () => document.getElementById("runs-search")?.focus();

  useShortcuts({ searchRuns: find, byError });
  useCommands([
    {
      id: "runs-error",
      label: t("Group runs by error"),
      group: t("Runs"),
      shortcut: keyOf("byError"),
      run: byError,
    },
    {
      id: "runs-search",
      label: t("Search runs"),
      group: t("Runs"),
      shortcut: keyOf("searchRuns"),
      run: find,
    },
  ]);

  const archiveOne = useArchiveOne();
  const done = (well: boolean) => {
    setAsked(null);
    if (!well) return;
    setSelected(NOTHING);
    look();
  };
  const actions: RunActions = {
    archive: (run) => {
      if (selected.has(run.id) && chosen.length > 1) setAsked({ task: "archive", runs: chosen });
      else archiveOne(run);
    },
    open: (run) => void navigate({ to: "/runs/$runId", params: { runId: run.id } }),
    rerun: (run) => {
      if (selected.has(run.id) && chosen.length > 1) setAsked({ task: "rerun", runs: chosen });
      else if (ended(run.status)) {
        void navigate({ to: "/runs/$runId", params: { runId: run.id }, search: { again: true } });
      }
    },
    cancel: (run) => {
      if (selected.has(run.id) && chosen.length > 1) setAsked({ task: "cancel", runs: chosen });
      else if (!ended(run.status)) setAsked({ task: "cancel", runs: [run] });
    },
  };

  return (
    <Page
      title={t("Runs")}
      layout="fill"
      actions={
        <>
          <span className="flex items-center gap-1 text-muted text-xs">
            {query.dataUpdatedAt > 0 &&
              rich("Updated {when}", {
                when: <Timestamp at={new Date(query.dataUpdatedAt).toISOString()} />,
              })}
            <IconButton
              size="sm"
              icon={RefreshCw}
              label={t("Refresh")}
              onClick={look}
              className={cn(
                "text-muted",
                query.isFetching && query.isPlaceholderData && "[&_svg]:animate-spin",
              )}
            />
          </span>
          <ExportAll filter={filter} disabled={runs.length === 0} />
          <Popover
            label={t("Keys of the list")}
            align="end"
            trigger={<IconButton icon={Keyboard} label={t("Keys of the list")} />}
          >
            <dl className="grid grid-cols-[auto_1fr] items-center gap-x-4 gap-y-1.5 text-sm">
              {KEYS.map(([id, [, does]]) => (
                <div key={id} className="contents">
                  <dt className="flex gap-1.5">
                    {keysOf(id).map((key) => (
                      <Kbd key={key} keys={key} />
                    ))}
                  </dt>
                  <dd>{does}</dd>
                </div>
              ))}
            </dl>
            <Link
              to="/settings"
              search={{ section: "keyboard" }}
              className="mt-3 block text-accent-text text-sm hover:underline"
            >
              {t("Change the keys")}
            </Link>
          </Popover>
          <Popover
            label={t("What the states mean")}
            align="end"
            trigger={<IconButton icon={Info} label={t("What the states mean")} />}
          >
            <StatusLegend of={NODE_STATES} />
          </Popover>
        </>
      }
      bar={
        <div className="flex flex-col gap-3">
          <Histogram filter={filter} onTime={(since, until) => change({ since, until })} onChange={change} />
          <div className="flex items-start gap-2">
            <div className="min-w-0 flex-1">
              {asText ? (
                <QueryLine
                  search={search}
                  onSearch={(next) => void navigate({ search: present(next), replace: true })}
                />
              ) : (
                <Filters search={search} onClear={clear} onChange={change} />
              )}
            </div>
            <IconButton
              icon={Terminal}
              label={t("Query as text")}
              pressed={asText}
              className="shrink-0"
              onClick={() => setAsText(!asText)}
            />
          </div>
        </div>
      }
    >
      {paused && <Paused />}
      <div className="flex min-h-60 flex-1 flex-col gap-3 xl:flex-row">
        <Views search={search} onOpen={open} />
        <div
          className="flex min-h-0 min-w-0 flex-1 flex-col overflow-hidden rounded-lg border bg-surface"
          aria-busy={query.isPlaceholderData || undefined}
        >
          <div className="flex flex-wrap items-center gap-2 border-b px-3 py-1.5">
            <Segmented
              label={t("Group")}
              value={grouping}
              onChange={group}
              options={(Object.keys(GROUPS) as Grouping[]).map((value) => ({ value, label: GROUPS[value] }))}
            />
            <span role="status" className="text-muted text-xs">
              {query.isPlaceholderData && t("Looking …")}
            </span>
            {grouping !== "error" && (
              <span className="ml-auto">
                <TableMenu {...table} />
              </span>
            )}
          </div>
          {newer > 0 && grouping !== "error" && (
            <button
              type="button"
              onClick={look}
              className="flex h-8 shrink-0 items-center justify-center gap-1.5 border-b bg-accent-soft font-medium text-accent-text text-xs hover:underline"
            >
              <ArrowUp aria-hidden className="size-3.5" />
              {manyNewer
                ? t("More than 100 new runs")
                : t("{newer, plural, one {# new run} other {# new runs}}", { newer })}
            </button>
          )}
          {chosen.length > 0 && grouping !== "error" && (
            <BulkBar
              runs={chosen}
              may={may}
              archived={search.archived === true}
              onTask={(task) => setAsked({ task, runs: chosen })}
              onClear={() => setSelected(NOTHING)}
            />
          )}
          {grouping === "error" ? (
            <ErrorGroups filter={filter} search={search} />
          ) : (
            <Loaded query={query} title={t("The runs cannot be shown")} skeleton={<Waiting />}>
              {() =>
                runs.length ? (
                  <RunList
                    rows={rows}
                    look={table.look}
                    usual={usual}
                    may={may}
                    selected={selected}
                    onSelected={setSelected}
                    expanded={expanded}
                    onExpand={(id, unfold) => setExpanded((before) => toggled(before, id, unfold))}
                    actions={actions}
                    hasMore={query.hasNextPage && !query.isPlaceholderData}
                    loadingMore={query.isFetchingNextPage}
                    onEnd={() => void query.fetchNextPage()}
                  />
                ) : (
                  <div className="min-h-0 overflow-y-auto">
                    <NoRuns search={search} onChange={change} onClear={clear} />
                  </div>
                )
              }
            </Loaded>
          )}
        </div>
      </div>
      {asked?.task === "archive" && (
        <ArchiveDialog runs={asked.runs} filter={filter} back={search.archived === true} onClose={done} />
      )}
      {asked && asked.task !== "archive" && <BulkDialog task={asked.task} runs={asked.runs} onClose={done} />}
    </Page>
  );
}

function Paused() {
  return (
    <p role="status" className="mb-3 flex items-center gap-2 rounded-md bg-accent-soft px-3 py-1.5 text-sm">
      <CloudOff aria-hidden className="size-4 shrink-0" />
      {t("Live updates paused, refreshing every 10 s. What is shown may be old.")}
    </p>
  );
}

function Waiting() {
  return (
    <div role="status" aria-label={t("Loading")}>
      {Array.from({ length: 12 }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
        <div key={row} className="flex h-10 items-center gap-6 border-b px-3">
          <Skeleton className="w-24" />
          <Skeleton className="w-48" />
          <Skeleton className="flex-1" />
        </div>
      ))}
    </div>
  );
}

function toggled(set: ReadonlySet<string>, id: string, on: boolean): ReadonlySet<string> {
  if (set.has(id) === on) return set;
  const next = new Set(set);
  if (on) next.add(id);
  else next.delete(id);
  return next;
}
