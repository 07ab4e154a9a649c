import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { Cable, Plus } from "lucide-react";
import { useEffect } from "react";
import { connectionsQuery, providersQuery, useMay, workflowsQuery } from "@/api/queries";
import { keys } from "@/api/queries/keys";
import type { Connection, Provider } from "@/api/types";
import { Button, EmptyState, Loaded, Page, SearchInput, Segmented, Select, StatusIcon, Tabs } from "@/ui";
import { WorkflowList } from "./list";
import { PreviewPane } from "./preview";

const route = getRouteApi("/workflows");
const WORST = ["FAILING", "INACTIVE", "ACTIVE"] as const;

/** The workflows of the connected platforms. */
export function WorkflowsPage() {
  const providers = useQuery(providersQuery);
  return (
    <Page
      title="Workflows"
      layout="fill"
      description="What runs on the connected platforms, and what of it can be a step."
    >
      <Loaded query={providers}>{(items) => <Browser providers={items} />}</Loaded>
    </Page>
  );
}

function Browser({ providers }: { providers: readonly Provider[] }) {
  const search = route.useSearch();
  const navigate = useNavigate({ from: "/workflows" });
  const connections = useQuery(connectionsQuery());
  useCounts(connections.data);
  const sorted = [...providers].sort(
    (a, b) => Number(b.connections.length > 0) - Number(a.connections.length > 0),
  );
  const provider = providers.find((each) => each.name === search.provider) ?? sorted[0];
  if (!provider) return null;
  const count = (name: string) => {
    const known = (connections.data ?? []).filter(
      (each) => each.provider === name && each.workflows !== null,
    );
    return known.length ? known.reduce((sum, each) => sum + (each.workflows ?? 0), 0) : undefined;
  };
  return (
    <Tabs
      label="Provider"
      className="flex-1"
      contentClassName="flex flex-col pt-3"
      value={provider.name}
      onChange={(next) => void navigate({ search: { provider: next, q: search.q, active: search.active } })}
      tabs={sorted.map((each) => ({
        value: each.name,
        count: count(each.name),
        label: (
          <>
            <Health provider={each} />
            {each.title}
          </>
        ),
        content: each === provider && <ProviderTab key={each.name} provider={each} />,
      }))}
    />
  );
}

/** Lists that were never read are read now, all together: each tab can then say how much is in it, and opens at once. */
function useCounts(connections: readonly Connection[] | undefined): void {
  const client = useQueryClient();
  useEffect(() => {
    const unread = (connections ?? []).filter((each) => each.status === "ACTIVE" && each.lastSync === null);
    if (unread.length === 0) return;
    const reading = unread.map((each) =>
      client.prefetchInfiniteQuery(workflowsQuery(each.provider, { connectionId: each.id, q: "" })),
    );
    void Promise.all(reading).then(() => client.invalidateQueries({ queryKey: keys.connections.all }));
  }, [client, connections]);
}

/** The worst state of a provider's connections; nothing where there is none. */
function Health({ provider }: { provider: Provider }) {
  const worst = WORST.find((status) => provider.connections.some((each) => each.status === status));
  return worst ? <StatusIcon status={worst} className="size-3.5" /> : null;
}

function ProviderTab({ provider }: { provider: Provider }) {
  const search = route.useSearch();
  const navigate = useNavigate({ from: "/workflows" });
  const may = useMay("editor");
  const connection =
    provider.connections.find((each) => each.id === search.connection) ?? provider.connections[0];
  const change = (next: Partial<typeof search>) =>
    void navigate({ search: { ...search, provider: provider.name, ...next }, replace: true });
  if (!connection) {
    return (
      <div className="rounded-lg border bg-surface">
        <EmptyState
          icon={Cable}
          title={`${provider.title} is not connected`}
          actions={
            may && (
              <Button asChild variant="primary">
                <Link to="/connections" search={{ add: provider.name }}>
                  <Plus aria-hidden /> Connect {provider.title}
                </Link>
              </Button>
            )
          }
        >
          Its workflows can be browsed here, and be steps of an orchestrator, once there is a connection to
          it.
        </EmptyState>
      </div>
    );
  }
  return (
    <>
      <div className="mb-3 flex flex-wrap items-center gap-2">
        <SearchInput
          label="Search workflows"
          className="w-full max-w-80"
          value={search.q ?? ""}
          onChange={(q) => change({ q: q || undefined })}
        />
        <Segmented
          label="Active"
          value={search.active === undefined ? "all" : search.active ? "on" : "off"}
          options={[
            { value: "all", label: "All" },
            { value: "on", label: "Active" },
            { value: "off", label: "Off" },
          ]}
          onChange={(next) => change({ active: next === "all" ? undefined : next === "on" })}
        />
        {provider.connections.length > 1 && (
          <Select
            label="Connection"
            className="w-56"
            value={connection.id}
            options={provider.connections.map((each) => ({
              value: each.id,
              label: each.name,
              icon: <StatusIcon status={each.status} />,
            }))}
            onChange={(next) => change({ connection: next, workflow: undefined })}
          />
        )}
      </div>
      <div className="flex min-h-0 flex-1 overflow-hidden rounded-lg border bg-surface">
        <WorkflowList
          key={connection.id}
          provider={provider}
          connectionId={connection.id}
          q={search.q ?? ""}
          active={search.active}
          selected={search.workflow ?? null}
          onSelect={(item) => change({ workflow: item.id })}
        />
        {search.workflow && (
          <PreviewPane
            key={search.workflow}
            provider={provider}
            connectionId={connection.id}
            workflowId={search.workflow}
            onClose={() => change({ workflow: undefined })}
          />
        )}
      </div>
    </>
  );
}
