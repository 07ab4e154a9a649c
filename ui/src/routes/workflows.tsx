import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { LibraryBig } from "lucide-react";
import { useMemo } from "react";
import { providersQuery, workflowsQuery } from "@/api/queries";
import type { RemoteWorkflow } from "@/api/types";
import { Badge, type Column, EmptyState, Loaded, Page, SearchInput, Segmented, Table, Timestamp } from "@/ui";

const route = getRouteApi("/workflows");

const columns: Column<RemoteWorkflow>[] = [
  {
    key: "name",
    header: "Name",
    width: "minmax(0, 3fr)",
    cell: (item) => <span className="font-medium">{item.name}</span>,
  },
  {
    key: "active",
    header: "Active",
    width: "90px",
    cell: (item) => <Badge tone={item.active ? "done" : undefined}>{item.active ? "Active" : "Off"}</Badge>,
  },
  {
    key: "folder",
    header: "Folder",
    width: "160px",
    wide: true,
    cell: (item) => <span className="text-muted">{item.folder ?? "–"}</span>,
  },
  {
    key: "updated",
    header: "Changed",
    width: "120px",
    wide: true,
    cell: (item) => <Timestamp at={item.updatedAt} className="text-muted" />,
  },
];

/** The workflows of the connected platforms. */
export function WorkflowsPage() {
  const search = route.useSearch();
  const navigate = useNavigate({ from: "/workflows" });
  const providers = useQuery(providersQuery);
  const connected = (providers.data ?? []).filter((provider) => provider.connections.length > 0);
  const provider = search.provider ?? connected[0]?.name;
  const connectionId =
    search.connection ?? connected.find((each) => each.name === provider)?.connections[0]?.id;
  const query = useInfiniteQuery({
    ...workflowsQuery(provider ?? "", { connectionId, q: search.q ?? "" }),
    enabled: provider !== undefined && connectionId !== undefined,
  });
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  return (
    <Page
      title="Workflows"
      layout="fill"
      bar={
        <div className="flex flex-wrap gap-3">
          {connected.length > 0 && (
            <Segmented
              label="Provider"
              value={provider ?? ""}
              options={connected.map((each) => ({ value: each.name, label: each.title }))}
              onChange={(next) => void navigate({ search: { provider: next, q: search.q } })}
            />
          )}
          <SearchInput
            label="Search workflows"
            className="w-full max-w-80"
            value={search.q ?? ""}
            onChange={(q) => void navigate({ search: { ...search, q: q || undefined }, replace: true })}
          />
        </div>
      }
    >
      <div className="flex min-h-0 flex-1 flex-col overflow-hidden rounded-lg border bg-surface">
        {providers.data && connected.length === 0 ? (
          <EmptyState icon={LibraryBig} title="No platform is connected yet" />
        ) : (
          <Loaded query={query}>
            {() =>
              rows.length ? (
                <Table
                  label="Workflows"
                  columns={columns}
                  rows={rows}
                  rowId={(item) => item.id}
                  selected={search.workflow ?? null}
                  onSelect={(item) =>
                    void navigate({ search: { ...search, workflow: item.id }, replace: true })
                  }
                  hasMore={query.hasNextPage}
                  loadingMore={query.isFetchingNextPage}
                  onEnd={() => void query.fetchNextPage()}
                />
              ) : (
                <EmptyState icon={LibraryBig} title="No workflow here" />
              )
            }
          </Loaded>
        )}
      </div>
    </Page>
  );
}
