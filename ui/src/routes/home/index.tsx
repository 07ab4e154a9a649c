import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { GitCompareArrows, Info } from "lucide-react";
import type { ReactNode } from "react";
import { connectionsQuery, runErrorsQuery, runsQuery, usagesQuery } from "@/api/queries";
import type { Connection, ErrorGroup, RunItem } from "@/api/types";
import { rich, t } from "@/lib/text";
import { count } from "@/lib/time";
import {
  Button,
  EmptyState,
  IconButton,
  Loaded,
  Page,
  Popover,
  ProviderChip,
  RUN_STATES,
  Section,
  StatusBadge,
  StatusLegend,
  Timestamp,
} from "@/ui";
import { Checklist, useSteps } from "./checklist";

const SHOWN = 8;
const EVERY = 10_000;

/** Words for what a step waits for, by the API's own. */
const WAITS: Record<string, string> = {
  callback: t("a callback"),
  delay: t("a time"),
  flow: "another orchestrator",
  limit: t("its turn on the platform"),
  outage: t("its platform"),
  pause: t("its turn on the platform"),
  remote: t("the platform"),
  "remote-queue": t("its turn on the platform"),
  retry: t("its next try"),
};

/** What is broken, what waits, what ran last, how the platforms are. */
export function HomePage() {
  const since = yesterday();
  const steps = useSteps();
  const broken = useQuery({ ...runErrorsQuery({ since }, SHOWN), refetchInterval: EVERY });
  const waiting = useRuns({ status: ["WAITING"] });
  const recent = useRuns({});
  return (
    <Page
      title={t("Home")}
      actions={
        <Popover
          label={t("What the states mean")}
          align="end"
          trigger={<IconButton icon={Info} label={t("What the states mean")} />}
        >
          <StatusLegend of={[...RUN_STATES, "ACTIVE", "FAILING", "INACTIVE"]} />
        </Popover>
      }
    >
      <div className="grid items-start gap-4 lg:grid-cols-2">
        {steps && (
          <div className="lg:col-span-2">
            <Checklist steps={steps} />
          </div>
        )}
        <Section
          title={t("What is broken")}
          description={t("Failures since yesterday, each kind once")}
          flush
          actions={
            <Button size="sm" variant="ghost" asChild>
              <Link to="/runs" search={{ status: ["FAILED"], since }}>
                {t("All failed runs")}
              </Link>
            </Button>
          }
        >
          <Loaded query={broken} compact title={t("The failures cannot be shown")}>
            {({ items }) =>
              items.length ? (
                <ul aria-label={t("Failures by kind")} className="divide-y">
                  {items.map((group) => (
                    <Failures key={group.key} group={group} since={since} />
                  ))}
                </ul>
              ) : (
                <p className="px-4 py-8 text-center text-muted text-sm">
                  {t("No run has failed since yesterday.")}
                </p>
              )
            }
          </Loaded>
        </Section>
        <Section
          title={t("What waits")}
          description={t("Runs that go on once it comes")}
          flush
          actions={
            <Button size="sm" variant="ghost" asChild>
              <Link to="/runs" search={{ status: ["WAITING"] }}>
                {t("All waiting runs")}
              </Link>
            </Button>
          }
        >
          <Runs query={waiting} empty={t("No run waits for anything.")}>
            {(run) => (
              <RunLine key={run.id} run={run} at={run.waiting[0]?.since ?? run.startedAt}>
                {run.waiting.map(({ nodeId, kind, until }) => (
                  <span key={nodeId} className="block truncate">
                    {t("{label} waits for {wait}", {
                      label: run.steps.find((step) => step.id === nodeId)?.label ?? nodeId,
                      wait: WAITS[kind] ?? kind,
                    })}
                    {until && (
                      <>
                        , {kind === "outage" ? t("tested") : t("at the latest")}{" "}
                        <Timestamp at={until} ahead />
                      </>
                    )}
                  </span>
                ))}
              </RunLine>
            )}
          </Runs>
        </Section>
        <Drifted />
        <Section
          title={t("Recent runs")}
          flush
          actions={
            <Button size="sm" variant="ghost" asChild>
              <Link to="/runs">{t("All runs")}</Link>
            </Button>
          }
        >
          <Runs query={recent} empty={t("Nothing has run yet.")}>
            {(run) => <RunLine key={run.id} run={run} at={run.createdDate} badge />}
          </Runs>
        </Section>
        <Connections />
      </div>
    </Page>
  );
}

/** Runs that failed alike, as a link to them. */
function Failures({ group, since }: { group: ErrorGroup; since: string }) {
  return (
    <li>
      <Link
        to="/runs"
        search={{ error: group.key, since }}
        className="flex items-center gap-3 px-4 py-2.5 -outline-offset-2 hover:bg-hover"
      >
        <span className="tabular w-9 shrink-0 text-right font-semibold text-sm text-st-failed">
          {count(group.count)} ×
        </span>
        <span className="min-w-0 flex-1 text-sm">
          <span className="block truncate" title={group.message}>
            {group.message}
          </span>
          <span className="block truncate text-muted text-xs">
            {group.orchestratorName}
            {group.nodeLabel && ` › ${group.nodeLabel}`}
          </span>
        </span>
        <Timestamp at={group.lastAt} className="shrink-0 text-muted text-xs" />
      </Link>
    </li>
  );
}

function useRuns(filter: { status?: ("FAILED" | "WAITING")[] }) {
  return useInfiniteQuery({ ...runsQuery(filter, SHOWN), refetchInterval: EVERY });
}

function Runs({
  query,
  empty,
  children,
}: {
  query: ReturnType<typeof useRuns>;
  empty: string;
  children: (run: RunItem) => ReactNode;
}) {
  return (
    <Loaded query={query} compact title={t("The runs cannot be shown")}>
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
  run: RunItem;
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

/** Steps whose remote workflow is not what was imported any more; nothing where there are none. */
function Drifted() {
  const { data } = useQuery({ ...usagesQuery({ changed: true }), refetchInterval: EVERY });
  if (!data?.length) return null;
  return (
    <Section
      title={t("Changed on the platforms")}
      description={t("Since the steps that call them were imported")}
      flush
      actions={
        <Button size="sm" variant="ghost" asChild>
          <Link to="/workflows" search={{ changed: true }}>
            {t("All changed workflows")}
          </Link>
        </Button>
      }
    >
      <ul aria-label={t("Changed since import")} className="divide-y">
        {data.slice(0, SHOWN).map((use) => (
          <li key={`${use.orchestratorId} ${use.nodeId} ${use.revision}`}>
            <Link
              to="/orchestrators/$id"
              params={{ id: use.orchestratorId }}
              search={{ node: use.nodeId, revision: use.newest ? undefined : use.revision }}
              className="flex items-center gap-3 px-4 py-2.5 -outline-offset-2 hover:bg-hover"
            >
              {use.provider && <ProviderChip provider={use.provider} />}
              <span className="min-w-0 flex-1 text-sm">
                <span className="block truncate">{use.nodeLabel}</span>
                <span className="block truncate text-muted text-xs">
                  {use.orchestratorName}
                  {!use.newest && t(", published revision {revision}", { revision: use.revision })}
                </span>
              </span>
              <GitCompareArrows aria-hidden className="size-4 shrink-0 text-st-warning" />
            </Link>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Connections() {
  const query = useQuery({ ...connectionsQuery(), refetchInterval: EVERY });
  return (
    <Section
      title={t("Connections")}
      flush
      actions={
        <Button size="sm" variant="ghost" asChild>
          <Link to="/connections">{t("All connections")}</Link>
        </Button>
      }
    >
      <Loaded query={query} compact title={t("The connections cannot be shown")}>
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
                      {connection.breaker.state !== "closed" ? (
                        <span className="block truncate text-st-held text-xs">
                          {rich(
                            "Out of order since {when}, {held, plural, one {# step} other {# steps}} held",
                            {
                              when: <Timestamp at={connection.breaker.since} />,
                              held: connection.breaker.held,
                            },
                          )}
                        </span>
                      ) : (
                        connection.status === "FAILING" &&
                        connection.lastError && (
                          <span className="block truncate text-st-failed text-xs">
                            {connection.lastError.message}
                          </span>
                        )
                      )}
                    </span>
                    <StatusBadge
                      status={connection.breaker.state === "closed" ? connection.status : "HELD"}
                      plain
                    />
                    <Timestamp
                      at={connection.lastChecked}
                      className="hidden shrink-0 text-muted text-xs sm:inline"
                    />
                  </Link>
                </li>
              ))}
            </ul>
          ) : (
            <EmptyState title={t("Nothing is connected yet")}>
              {t("Connect n8n, Make, Zapier or Airflow to begin.")}
            </EmptyState>
          )
        }
      </Loaded>
    </Section>
  );
}

const ORDER: Record<Connection["status"], number> = { FAILING: 0, ACTIVE: 1, INACTIVE: 2 };

function worstFirst(left: Connection, right: Connection): number {
  return place(left) - place(right);
}

function place({ status, breaker }: Connection): number {
  return breaker.state === "closed" ? ORDER[status] : -1;
}

/** When yesterday began for the reader: the same all day, so that it may be part of a key. */
function yesterday(): string {
  const at = new Date();
  at.setHours(0, 0, 0, 0);
  at.setDate(at.getDate() - 1);
  return at.toISOString();
}
