import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { MailCheck, Redo2, Trash2, X } from "lucide-react";
import { useMemo, useState } from "react";
import { lettersQuery, useMay } from "@/api/queries";
import type { DeadLetter, LetterState } from "@/api/types";
import { t } from "@/lib/text";
import {
  Badge,
  Button,
  type Column,
  EmptyState,
  Loaded,
  Page,
  ProviderChip,
  SearchInput,
  Select,
  Table,
  Timestamp,
} from "@/ui";
import { LetterDetails } from "./details";
import { MatchingDialog } from "./matching";
import { STATES } from "./states";

const route = getRouteApi("/dead-letters");

const columns: Column<DeadLetter>[] = [
  {
    key: "state",
    header: t("State"),
    width: "104px",
    wide: true,
    cell: (row) => <Badge tone={STATES[row.state].tone}>{STATES[row.state].label}</Badge>,
  },
  {
    key: "run",
    header: t("Run"),
    width: "minmax(0, 2fr)",
    cell: (row) => (
      <>
        <span className="font-medium">{row.orchestratorName}</span>{" "}
        <span className="tabular text-muted">#{row.runNumber}</span>
      </>
    ),
  },
  {
    key: "node",
    header: t("Step"),
    width: "minmax(0, 1.5fr)",
    wide: true,
    cell: (row) => (
      <span className="flex min-w-0 items-center gap-2">
        {row.provider && <ProviderChip provider={row.provider} />}
        <span className="truncate">{row.nodeLabel}</span>
      </span>
    ),
  },
  {
    key: "cause",
    header: t("Cause"),
    width: "minmax(0, 3fr)",
    cell: (row) => <span className="text-muted">{row.message}</span>,
  },
  {
    key: "at",
    header: t("Since"),
    width: "96px",
    cell: (row) => <Timestamp at={row.createdDate} className="text-muted" />,
  },
];

const FILTERS = Object.entries(STATES).map(([value, { label }]) => ({ value, label }));

/** What could not be finished: each is fixed and replayed, or dropped; or all that match at once. */
export function DeadLettersPage() {
  const may = useMay("operator");
  const { state = "open", q = "", orchestratorId, open } = route.useSearch();
  const navigate = useNavigate({ from: "/dead-letters" });
  const [act, setAct] = useState<"replay" | "drop" | null>(null);
  const filter = { ...(orchestratorId && { orchestratorId }), ...(q && { q }) };
  const query = useInfiniteQuery({ ...lettersQuery({ ...filter, state }), refetchInterval: 5000 });
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const go = (change: {
    state?: Exclude<LetterState, "open">;
    q?: string;
    orchestratorId?: string;
    open?: string;
  }) => void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const narrowed = Boolean(q || orchestratorId);
  const many = may && state === "open" && rows.length > 0;
  return (
    <Page
      title={t("Dead letters")}
      description={t("Work that could not be finished. Fix it, replay it, or drop it.")}
      layout="fill"
      actions={
        many && (
          <>
            <Button icon={Trash2} onClick={() => setAct("drop")}>
              {narrowed ? t("Drop matching …") : t("Drop all …")}
            </Button>
            <Button icon={Redo2} variant="primary" onClick={() => setAct("replay")}>
              {narrowed ? t("Replay matching …") : t("Replay all …")}
            </Button>
          </>
        )
      }
      bar={
        <div className="flex flex-wrap items-center gap-2">
          <SearchInput
            label={t("Search by cause or step")}
            className="w-72 max-w-full"
            value={q}
            onChange={(next) => go({ q: next || undefined })}
          />
          <Select
            label={t("State")}
            className="w-40"
            value={state}
            onChange={(next) =>
              go({ state: next === "open" ? undefined : (next as Exclude<LetterState, "open">) })
            }
            options={FILTERS}
          />
          {orchestratorId && (
            <Button size="sm" icon={X} onClick={() => go({ orchestratorId: undefined })}>
              {t("Of one orchestrator")}
            </Button>
          )}
        </div>
      }
    >
      <div className="flex min-h-0 flex-1 flex-col overflow-hidden rounded-lg border bg-surface">
        <Loaded query={query}>
          {() =>
            rows.length ? (
              <Table
                label={t("Dead letters")}
                columns={columns}
                rows={rows}
                rowId={(row) => row.id}
                selected={open ?? null}
                onSelect={(row) => go({ open: row.id })}
                onOpen={(row) => go({ open: row.id })}
                hasMore={query.hasNextPage && !query.isPlaceholderData}
                loadingMore={query.isFetchingNextPage}
                onEnd={() => void query.fetchNextPage()}
              />
            ) : (
              <EmptyState
                icon={MailCheck}
                title={
                  q
                    ? t("Nothing fits “{q}”", { q })
                    : t("No dead letter is {label}", { label: STATES[state].label.toLowerCase() })
                }
              >
                {q
                  ? t("Widen the search to see the others.")
                  : t(
                      "A run that a step has ended badly is kept here, with what the step was given and what went wrong.",
                    )}
              </EmptyState>
            )
          }
        </Loaded>
      </div>
      {open !== undefined && (
        <LetterDetails key={open} id={open} may={may} onClose={() => go({ open: undefined })} />
      )}
      {act && <MatchingDialog act={act} filter={filter} onClose={() => setAct(null)} />}
    </Page>
  );
}
