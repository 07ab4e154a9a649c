import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useRunEvents, useRunLines } from "@/api/events";
import { runQuery } from "@/api/queries";
import { clock } from "@/lib/time";
import { Badge, Elapsed, JsonView, Loaded, Page, Section, StatusBadge } from "@/ui";

const route = getRouteApi("/runs/$runId");

/** One run: its steps, its result, its log. */
export function RunPage() {
  const { runId } = route.useParams();
  const query = useQuery(runQuery(runId));
  const stream = useRunEvents(query.data ? runId : null);
  const lines = useRunLines(runId);
  const run = query.data;
  return (
    <Page
      title={run ? `${run.orchestratorName} #${run.number}` : "Run"}
      badge={
        run && (
          <>
            <StatusBadge status={run.status} />
            {stream === "live" && <Badge tone="running">Live</Badge>}
          </>
        )
      }
      description={run?.error?.message}
    >
      <Loaded query={query} title="This run cannot be shown">
        {(found) => (
          <div className="grid gap-4 lg:grid-cols-2">
            <Section title="Steps" flush>
              <ol className="divide-y">
                {found.nodes.map((node) => (
                  <li key={node.id} className="flex items-center gap-3 px-4 py-2 text-sm">
                    <span className="min-w-0 flex-1 truncate">{node.label || node.id}</span>
                    <Elapsed from={node.startedAt} to={node.finishedAt} className="text-muted text-xs" />
                    <StatusBadge status={node.status} attempts={node.attempt} plain />
                  </li>
                ))}
              </ol>
            </Section>
            <Section title="Output">
              <JsonView value={found.output} />
            </Section>
            <Section title="Log" className="lg:col-span-2">
              <ol className="max-h-96 overflow-y-auto font-mono text-xs" aria-label="Log lines">
                {lines.map((line) => (
                  <li key={line.seq} className="flex gap-3 py-0.5">
                    <time className="tabular shrink-0 text-muted">{clock(line.at)}</time>
                    <span className="w-16 shrink-0 truncate text-muted">{line.source}</span>
                    <span className="min-w-0 break-words">{line.message}</span>
                  </li>
                ))}
              </ol>
            </Section>
          </div>
        )}
      </Loaded>
    </Page>
  );
}
