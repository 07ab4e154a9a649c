import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { ListTree } from "lucide-react";
import { useMemo } from "react";
import { type RunFilter, runsQuery } from "@/api/queries";
import type { Run } from "@/api/types";
import {
  type Column,
  Elapsed,
  EmptyState,
  Loaded,
  Page,
  SearchInput,
  StatusBadge,
  Table,
  Timestamp,
} from "@/ui";

const route = getRouteApi("/runs");

const columns: Column<Run>[] = [
  {
    key: "status",
    header: "Status",
    width: "120px",
    cell: (run) => <StatusBadge status={run.status} plain />,
  },
  {
    key: "name",
    header: "Orchestrator",
    width: "minmax(0, 2fr)",
    cell: (run) => (
      <>
        <span className="font-medium">{run.orchestratorName}</span>{" "}
        <span className="tabular text-muted">#{run.number}</span>
      </>
    ),
  },
  {
    key: "message",
    header: "Message",
    width: "minmax(0, 2fr)",
    wide: true,
    cell: (run) => <span className="text-muted">{run.error?.message}</span>,
  },
  {
    key: "by",
    header: "Started by",
    width: "120px",
    wide: true,
    cell: (run) => <span className="text-muted">{run.trigger.by}</span>,
  },
  {
    key: "started",
    header: "Started",
    width: "110px",
    wide: true,
    cell: (run) => <Timestamp at={run.startedAt ?? run.createdDate} className="text-muted" />,
  },
  {
    key: "took",
    header: "Duration",
    width: "80px",
    align: "end",
    cell: (run) => <Elapsed from={run.startedAt} to={run.finishedAt} />,
  },
];

/** Every run, newest first. */
export function RunsPage() {
  const { group: _, ...search } = route.useSearch();
  const navigate = useNavigate({ from: "/runs" });
  const query = useInfiniteQuery(runsQuery(search as RunFilter));
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  return (
    <Page
      title="Runs"
      layout="fill"
      bar={
        <SearchInput
          label="Search runs"
          className="max-w-80"
          value={search.q ?? ""}
          onChange={(q) =>
            void navigate({ search: (before) => ({ ...before, q: q || undefined }), replace: true })
          }
        />
      }
    >
      <div className="flex min-h-0 flex-1 flex-col overflow-hidden rounded-lg border bg-surface">
        <Loaded query={query}>
          {() =>
            rows.length ? (
              <Table
                label="Runs"
                columns={columns}
                rows={rows}
                rowId={(run) => run.id}
                onOpen={(run) => void navigate({ to: "/runs/$runId", params: { runId: run.id } })}
                hasMore={query.hasNextPage}
                loadingMore={query.isFetchingNextPage}
                onEnd={() => void query.fetchNextPage()}
              />
            ) : (
              <EmptyState icon={ListTree} title={search.q ? "No run matches" : "Nothing has run yet"}>
                {search.q ? "Search for less, or clear the search." : "Open an orchestrator and press Run."}
              </EmptyState>
            )
          }
        </Loaded>
      </div>
    </Page>
  );
}
