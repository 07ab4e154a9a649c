import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Plus, Workflow } from "lucide-react";
import { useMemo } from "react";
import { toastProblem } from "@/api/problem";
import { orchestratorsQuery, useCreateOrchestrator, useMay } from "@/api/queries";
import type { Orchestrator } from "@/api/types";
import { plural } from "@/lib/time";
import {
  Button,
  type Column,
  EmptyState,
  Loaded,
  Page,
  SearchInput,
  StatusBadge,
  Table,
  Timestamp,
} from "@/ui";

const route = getRouteApi("/orchestrators");

const columns: Column<Orchestrator>[] = [
  {
    key: "name",
    header: "Name",
    width: "minmax(0, 3fr)",
    cell: (item) => (
      <>
        <span className="font-medium">{item.name}</span>
        {item.description && <span className="ml-2 hidden text-muted md:inline">{item.description}</span>}
      </>
    ),
  },
  {
    key: "nodes",
    header: "Steps",
    width: "90px",
    wide: true,
    cell: (item) => plural(item.definition.nodes?.length ?? 0, "step"),
  },
  {
    key: "revision",
    header: "Revision",
    width: "80px",
    wide: true,
    align: "end",
    cell: (item) => <span className="tabular">{item.revision}</span>,
  },
  {
    key: "run",
    header: "Last run",
    width: "130px",
    cell: (item) =>
      item.lastRun ? (
        <StatusBadge status={item.lastRun.status} plain />
      ) : (
        <span className="text-muted">Never</span>
      ),
  },
  {
    key: "saved",
    header: "Saved",
    width: "120px",
    wide: true,
    cell: (item) => <Timestamp at={item.updatedDate} className="text-muted" />,
  },
];

/** Every orchestrator of the workspace. */
export function OrchestratorsPage() {
  const { q = "" } = route.useSearch();
  const navigate = useNavigate({ from: "/orchestrators" });
  const query = useInfiniteQuery(orchestratorsQuery(q));
  const create = useCreateOrchestrator();
  const may = useMay("editor");
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const make = () =>
    create.mutate(
      { name: "New orchestrator", definition: { version: 1, nodes: [], edges: [] } },
      {
        onSuccess: (made) => void navigate({ to: "/orchestrators/$id", params: { id: made.id } }),
        onError: (error) => toastProblem(error, "The orchestrator was not made"),
      },
    );
  return (
    <Page
      title="Orchestrators"
      layout="fill"
      actions={
        may && (
          <Button variant="primary" icon={Plus} pending={create.isPending} onClick={make}>
            New orchestrator
          </Button>
        )
      }
      bar={
        <SearchInput
          label="Search by name"
          className="max-w-80"
          value={q}
          onChange={(next) => void navigate({ search: { q: next || undefined }, replace: true })}
        />
      }
    >
      <div className="flex min-h-0 flex-1 flex-col overflow-hidden rounded-lg border bg-surface">
        <Loaded query={query}>
          {() =>
            rows.length ? (
              <Table
                label="Orchestrators"
                columns={columns}
                rows={rows}
                rowId={(item) => item.id}
                onOpen={(item) => void navigate({ to: "/orchestrators/$id", params: { id: item.id } })}
                hasMore={query.hasNextPage}
                loadingMore={query.isFetchingNextPage}
                onEnd={() => void query.fetchNextPage()}
              />
            ) : (
              <EmptyState icon={Workflow} title={q ? `No name contains “${q}”` : "No orchestrator yet"}>
                {q
                  ? "Try a shorter part of it."
                  : "An orchestrator chains workflows of several platforms into one run."}
              </EmptyState>
            )
          }
        </Loaded>
      </div>
    </Page>
  );
}
