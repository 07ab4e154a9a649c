import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { connectionsQuery, runsQuery } from "@/api/queries";
import type { Connection, Run } from "@/api/types";
import { Button, EmptyState, Loaded, Page, ProviderChip, Section, StatusBadge, Timestamp } from "@/ui";
import { Checklist, useSteps } from "./checklist";

const SHOWN = 8;
const EVERY = 10_000;

/** Words for what a step waits for, by the API's own. */
const WAITS: Record<string, string> = {
  callback: "a callback",
  delay: "a time",
  flow: "another orchestrator",
  remote: "the platform",
  "remote-queue": "its turn on the platform",
  retry: "its next try",
};

/** What is broken, what waits, what ran last, how the platforms are. */
export function HomePage() {
  const since = yesterday();
  const steps = useSteps();
  const failed = useRuns({ status: ["FAILED"], since });
  const waiting = useRuns({ status: ["WAITING"] });
  const recent = useRuns({});
  return (
    <Page title="Home">
      <div className="grid items-start gap-4 lg:grid-cols-2">
        {steps && (
          <div className="lg:col-span-2">
            <Checklist steps={steps} />
          </div>
        )}
        <Section
          title="What is broken"
          description="Failed since yesterday"
          flush
          actions={
            <Button size="sm" variant="ghost" asChild>
              <Link to="/runs" search={{ status: ["FAILED"], since }}>
                All failed runs
              </Link>
            </Button>
          }
        >
          <Runs query={failed} empty="No run has failed since yesterday.">
            {(run) => (
              <RunLine key={run.id} run={run} at={run.finishedAt}>
                {run.error && <span className="text-st-failed">{run.error.message}</span>}
              </RunLine>
            )}
          </Runs>
        </Section>
        <Section
          title="What waits"
          description="Runs that go on once it comes"
          flush
          actions={
            <Button size="sm" variant="ghost" asChild>
              <Link to="/runs" search={{ status: ["WAITING"] }}>
                All waiting runs
              </Link>
            </Button>
          }
        >
          <Runs query={waiting} empty="No run waits for anything.">
            {(run) => (
              <RunLine key={run.id} run={run} at={run.waiting[0]?.since ?? run.startedAt}>
                {run.waiting.map(({ nodeId, kind, until }) => (
                  <span key={nodeId} className="block truncate">
                    {nodeId} waits for {WAITS[kind] ?? kind}
                    {until && (
                      <>
                        , at the latest <Timestamp at={until} ahead />
                      </>
                    )}
                  </span>
                ))}
              </RunLine>
            )}
          </Runs>
        </Section>
        <Section
          title="Recent runs"
          flush
          actions={
            <Button size="sm" variant="ghost" asChild>
              <Link to="/runs">All runs</Link>
            </Button>
          }
        >
          <Runs query={recent} empty="Nothing has run yet.">
            {(run) => <RunLine key={run.id} run={run} at={run.createdDate} badge />}
          </Runs>
        </Section>
        <Connections />
      </div>
    </Page>
  );
}

function useRuns(filter: { status?: ("FAILED" | "WAITING")[]; since?: string }) {
  return useInfiniteQuery({ ...runsQuery(filter, SHOWN), refetchInterval: EVERY });
}

function Runs({
  query,
  empty,
  children,
}: {
  query: ReturnType<typeof useRuns>;
  empty: string;
  children: (run: Run) => ReactNode;
}) {
  return (
    <Loaded query={query}>
      {(data) => {
        const runs = data.pages.flatMap((page) => page.items);
        if (runs.length === 0) return <p className="px-4 py-8 text-center text-muted text-sm">{empty}</p>;
        return <ul className="divide-y">{runs.map(children)}</ul>;
      }}
    </Loaded>
  );
}

/** One run as a link; below its name, what there is to say about it. */
function RunLine({
  run,
  at,
  badge,
  children,
}: {
  run: Run;
  at: string | null;
  badge?: boolean;
  children?: ReactNode;
}) {
  return (
    <li>
      <Link
        to="/runs/$runId"
        params={{ runId: run.id }}
        className="flex items-center gap-3 px-4 py-2.5 -outline-offset-2 hover:bg-hover"
      >
        <span className="min-w-0 flex-1 text-sm">
          <span className="block truncate">
            {run.orchestratorName} <span className="tabular text-muted">#{run.number}</span>
          </span>
          {children && <span className="block truncate text-muted text-xs">{children}</span>}
        </span>
        {badge && <StatusBadge status={run.status} plain />}
        <Timestamp at={at} className="shrink-0 text-muted text-xs" />
      </Link>
    </li>
  );
}

function Connections() {
  const query = useQuery({ ...connectionsQuery(), refetchInterval: EVERY });
  return (
    <Section
      title="Connections"
      flush
      actions={
        <Button size="sm" variant="ghost" asChild>
          <Link to="/connections">All connections</Link>
        </Button>
      }
    >
      <Loaded query={query}>
        {(items) =>
          items.length ? (
            <ul className="divide-y">
              {[...items].sort(worstFirst).map((connection) => (
                <li key={connection.id}>
                  <Link
                    to="/connections"
                    search={{ open: connection.id }}
                    className="flex items-center gap-3 px-4 py-2.5 -outline-offset-2 hover:bg-hover"
                  >
                    <ProviderChip provider={connection.provider} />
                    <span className="min-w-0 flex-1 text-sm">
                      <span className="block truncate">{connection.name}</span>
                      {connection.status === "FAILING" && connection.lastError && (
                        <span className="block truncate text-st-failed text-xs">
                          {connection.lastError.message}
                        </span>
                      )}
                    </span>
                    <StatusBadge status={connection.status} plain />
                    <Timestamp
                      at={connection.lastChecked}
                      className="hidden shrink-0 text-muted text-xs sm:inline"
                    />
                  </Link>
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
  );
}

const ORDER: Record<Connection["status"], number> = { FAILING: 0, ACTIVE: 1, INACTIVE: 2 };

function worstFirst(left: Connection, right: Connection): number {
  return ORDER[left.status] - ORDER[right.status];
}

/** When yesterday began for the reader: the same all day, so that it may be part of a key. */
function yesterday(): string {
  const at = new Date();
  at.setHours(0, 0, 0, 0);
  at.setDate(at.getDate() - 1);
  return at.toISOString();
}
