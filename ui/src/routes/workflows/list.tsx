import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { LibraryBig, RefreshCw, TriangleAlert } from "lucide-react";
import { useMemo } from "react";
import { toastProblem } from "@/api/problem";
import { useRefreshWorkflows, workflowsQuery } from "@/api/queries";
import { keys } from "@/api/queries/keys";
import type { Provider, RemoteWorkflow, Workflows } from "@/api/types";
import { Badge, Button, type Column, EmptyState, Loaded, Table, Timestamp } from "@/ui";

const columns: Column<RemoteWorkflow>[] = [
  {
    key: "name",
    header: "Name",
    width: "minmax(0, 3fr)",
    cell: (item) => (
      <>
        <span className="block truncate font-medium">{item.name}</span>
        {(item.folder || item.tags.length > 0) && (
          <span className="mt-0.5 flex gap-1 overflow-hidden">
            {item.folder && <span className="truncate text-muted text-xs">Folder {item.folder}</span>}
            {item.tags.slice(0, 4).map((tag) => (
              <Badge key={tag}>{tag}</Badge>
            ))}
          </span>
        )}
      </>
    ),
  },
  {
    key: "trigger",
    header: "Trigger",
    width: "100px",
    wide: true,
    cell: (item) => <span className="text-muted">{item.trigger.kind}</span>,
  },
  {
    key: "active",
    header: "Active",
    width: "70px",
    cell: (item) => <Badge tone={item.active ? "done" : undefined}>{item.active ? "Active" : "Off"}</Badge>,
  },
  {
    key: "start",
    header: "Can be a step",
    width: "minmax(0, 2fr)",
    wide: true,
    cell: (item) =>
      item.executable ? (
        "Yes"
      ) : (
        <span className="line-clamp-2 whitespace-normal text-muted text-xs" title={item.reason ?? undefined}>
          No: {item.reason ?? "it cannot be started from outside"}
        </span>
      ),
  },
  {
    key: "updated",
    header: "Changed",
    width: "100px",
    wide: true,
    cell: (item) => <Timestamp at={item.updatedAt} className="text-muted" />,
  },
];

type Props = {
  provider: Provider;
  connectionId: string;
  q: string;
  active: boolean | undefined;
  selected: string | null;
  onSelect: (workflow: RemoteWorkflow) => void;
};

/** The workflows of one connection, as of the age that its head says. */
export function WorkflowList({ provider, connectionId, q, active, selected, onSelect }: Props) {
  const query = useInfiniteQuery({
    ...workflowsQuery(provider.name, { connectionId, q, ...(active !== undefined && { active }) }),
    // An old copy is being renewed behind its back: look for the new one.
    refetchInterval: ({ state }) => {
      const page = state.data?.pages[0];
      return page?.stale && !page.problem ? 3000 : false;
    },
  });
  const client = useQueryClient();
  const refresh = useRefreshWorkflows();
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const reload = () =>
    refresh.mutate(
      { provider: provider.name, connectionId },
      {
        onSuccess: () => void client.invalidateQueries({ queryKey: keys.connections.all }),
        onError: (error) => toastProblem(error, "The list was not read"),
      },
    );
  const button = (
    <Button size="sm" icon={RefreshCw} pending={refresh.isPending} onClick={reload}>
      Refresh
    </Button>
  );
  return (
    <div className="flex min-h-0 min-w-0 flex-1 flex-col">
      <Loaded query={query} title={`${provider.title} cannot be read`}>
        {({ pages }) => (
          <>
            {pages[0] && <Age page={pages[0]} title={provider.title} button={button} />}
            {rows.length ? (
              <Table
                label="Workflows"
                columns={columns}
                rows={rows}
                rowHeight={56}
                rowId={(item) => item.id}
                selected={selected}
                onSelect={onSelect}
                hasMore={query.hasNextPage}
                loadingMore={query.isFetchingNextPage}
                onEnd={() => void query.fetchNextPage()}
              />
            ) : (
              <Nothing provider={provider} filtered={q !== "" || active !== undefined} />
            )}
          </>
        )}
      </Loaded>
      {query.isError && !query.data && (
        <Link
          to="/connections"
          search={{ open: connectionId }}
          className="mx-auto -mt-6 mb-10 text-accent-text text-sm hover:underline"
        >
          Look at the connection
        </Link>
      )}
    </div>
  );
}

/** How old the list is, and why it is not newer. */
function Age({ page, title, button }: { page: Workflows; title: string; button: React.ReactNode }) {
  return (
    <div className="flex shrink-0 items-center justify-between gap-3 border-b px-4 py-1.5 text-xs">
      {page.problem ? (
        <p role="status" className="flex min-w-0 gap-1.5">
          <TriangleAlert aria-hidden className="mt-px size-3.5 shrink-0 text-st-warning" />
          <span className="min-w-0">
            <span className="font-medium">
              {page.problem.code === "rate-limited"
                ? `${title} asks to slow down.`
                : `${title} could not be read.`}
            </span>{" "}
            This is the list of <Timestamp at={page.syncedAt} />.{" "}
            <span className="text-muted">
              {page.problem.message} {page.problem.hint}
            </span>
          </span>
        </p>
      ) : (
        <p role="status" className="text-muted">
          Read <Timestamp at={page.syncedAt} />
          {page.stale && ", being read again"}
        </p>
      )}
      {button}
    </div>
  );
}

function Nothing({ provider, filtered }: { provider: Provider; filtered: boolean }) {
  return filtered ? (
    <EmptyState icon={LibraryBig} title="No workflow fits">
      Try a shorter part of the name, or take the filter away.
    </EmptyState>
  ) : (
    <EmptyState icon={LibraryBig} title={`${provider.title} has no workflow here`}>
      The connection works, but its account sees no workflow. Make one in {provider.title}, then refresh.
    </EmptyState>
  );
}
