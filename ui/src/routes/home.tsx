import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { connectionsQuery, runsQuery } from "@/api/queries";
import { Button, EmptyState, Loaded, Page, ProviderChip, Section, StatusBadge, Timestamp } from "@/ui";

/** What is broken, what waits, how the platforms are. */
export function HomePage() {
  const failed = useInfiniteQuery(runsQuery({ status: ["FAILED"] }, 8));
  const waiting = useInfiniteQuery(runsQuery({ status: ["WAITING"] }, 8));
  const connections = useQuery(connectionsQuery());
  return (
    <Page title="Home">
      <div className="grid gap-4 lg:grid-cols-2">
        <Section title="What is broken" flush>
          <RunList query={failed} empty="No run has failed." />
        </Section>
        <Section title="Waiting" flush>
          <RunList query={waiting} empty="No run waits for anything." />
        </Section>
        <Section
          title="Connections"
          flush
          className="lg:col-span-2"
          actions={
            <Button size="sm" variant="ghost" asChild>
              <Link to="/connections">All connections</Link>
            </Button>
          }
        >
          <Loaded query={connections}>
            {(items) =>
              items.length ? (
                <ul className="divide-y">
                  {items.map((connection) => (
                    <li key={connection.id} className="flex items-center gap-3 px-4 py-2.5">
                      <ProviderChip provider={connection.provider} />
                      <span className="min-w-0 flex-1 truncate text-sm">{connection.name}</span>
                      <Timestamp
                        at={connection.lastChecked}
                        className="hidden text-muted text-xs sm:inline"
                      />
                      <StatusBadge status={connection.status} plain />
                    </li>
                  ))}
                </ul>
              ) : (
                <EmptyState title="Nothing is connected yet">
                  Connect n8n, Make, Zapier or Airflow to begin.
                </EmptyState>
              )
            }
          </Loaded>
        </Section>
      </div>
    </Page>
  );
}

function RunList({ query, empty }: { query: ReturnType<typeof useRuns>; empty: string }) {
  return (
    <Loaded query={query}>
      {(data) => {
        const runs = data.pages.flatMap((page) => page.items);
        if (runs.length === 0) return <p className="px-4 py-8 text-center text-muted text-sm">{empty}</p>;
        return (
          <ul className="divide-y">
            {runs.map((run) => (
              <li key={run.id}>
                <Link
                  to="/runs/$runId"
                  params={{ runId: run.id }}
                  className="flex items-center gap-3 px-4 py-2.5 -outline-offset-2 hover:bg-hover"
                >
                  <StatusBadge status={run.status} plain />
                  <span className="min-w-0 flex-1 truncate text-sm">
                    {run.orchestratorName} <span className="tabular text-muted">#{run.number}</span>
                  </span>
                  <Timestamp at={run.createdDate} className="text-muted text-xs" />
                </Link>
              </li>
            ))}
          </ul>
        );
      }}
    </Loaded>
  );
}

function useRuns() {
  return useInfiniteQuery(runsQuery({ status: ["FAILED"] }, 8));
}
