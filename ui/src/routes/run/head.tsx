import { Link } from "@tanstack/react-router";
import { Hourglass, OctagonX } from "lucide-react";
import type { ReactNode } from "react";
import type { RunDetail } from "@/api/types";
import { absolute } from "@/lib/time";
import { Badge, Button, CopyButton, Elapsed, Timestamp } from "@/ui";
import { TRIGGERS } from "@/ui/trigger";
import { FailureText } from "./attempts";

/** Where the run comes from, when, and with which labels. */
export function Facts({ run }: { run: RunDetail }) {
  const labels = Object.entries(run.labels);
  return (
    <dl className="flex flex-wrap items-center gap-x-5 gap-y-1 text-sm">
      <Fact name="Orchestrator">
        <Link
          to="/orchestrators/$id"
          params={{ id: run.orchestratorId }}
          search={{ run: run.id }}
          className="text-accent-text hover:underline"
        >
          {run.orchestratorName}
        </Link>
      </Fact>
      <Fact name="Revision">{run.revision}</Fact>
      <Fact name="Started">
        <Timestamp at={run.startedAt ?? run.createdDate} />
      </Fact>
      <Fact name="Took">
        <Elapsed from={run.startedAt} to={run.finishedAt} />
      </Fact>
      <Fact name="Trigger">
        {TRIGGERS[run.trigger.kind]}, {run.trigger.by}
      </Fact>
      {run.retryOf && (
        <Fact name="Repeats">
          <RunLink id={run.retryOf}>the run before</RunLink>
        </Fact>
      )}
      {run.parentRunId && (
        <Fact name="Part of">
          <RunLink id={run.parentRunId}>another run</RunLink>
        </Fact>
      )}
      {labels.length > 0 && (
        <Fact name="Labels">
          <span className="flex flex-wrap gap-1">
            {labels.map(([key, value]) => (
              <Badge key={key}>
                {key}:{value}
              </Badge>
            ))}
          </span>
        </Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex items-baseline gap-1.5">
      <dt className="text-muted text-xs">{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function RunLink({ id, children }: { id: string; children: ReactNode }) {
  return (
    <Link to="/runs/$runId" params={{ runId: id }} className="text-accent-text hover:underline">
      {children}
    </Link>
  );
}

type BannerProps = { run: RunDetail; onGo: (nodeId: string) => void };

/** Why the run is not green, and the way to the step that says more. */
export function ErrorBanner({ run, onGo }: BannerProps) {
  if (!run.error) return null;
  const { nodeId } = run.error;
  const node = run.nodes.find((each) => each.id === nodeId);
  return (
    <section
      aria-label="Failure"
      className="flex items-start gap-3 rounded-lg border border-st-failed/40 bg-surface px-4 py-2"
    >
      <OctagonX aria-hidden className="mt-0.5 size-4 shrink-0 text-st-failed" />
      <div className="min-w-0 flex-1">
        {node && <p className="font-semibold text-sm">Failed at {node.label || node.id}</p>}
        <FailureText failure={run.error} />
      </div>
      {node && (
        <Button size="sm" onClick={() => onGo(node.id)}>
          Go to node
        </Button>
      )}
    </section>
  );
}

const WAITS: Record<string, string> = { callback: "a callback", delay: "a time", flow: "another run" };

/** What the run waits for. The address of a callback is there only for those who may operate runs. */
export function WaitingBanner({ run, onGo }: BannerProps) {
  const waits = run.waiting.filter((each) => each.kind === "callback" || each.callbackUrl !== null);
  if (waits.length === 0) return null;
  return (
    <ul aria-label="Waiting for" className="flex flex-col rounded-lg border border-st-waiting/40 bg-surface">
      {waits.map((each) => {
        const node = run.nodes.find((one) => one.id === each.nodeId);
        return (
          <li key={each.nodeId} className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-1.5 text-sm">
            <Hourglass aria-hidden className="size-4 shrink-0 text-st-waiting" />
            <span className="min-w-0 flex-1">
              <button
                type="button"
                onClick={() => onGo(each.nodeId)}
                className="min-h-6 font-semibold hover:underline"
              >
                {node?.label || each.nodeId}
              </button>{" "}
              waits for {WAITS[each.kind] ?? each.kind}
              {each.until && <span className="text-muted">, until {absolute(each.until)}</span>}
            </span>
            {each.callbackUrl && (
              <span className="flex items-center gap-1 text-muted text-xs">
                Callback address
                <CopyButton text={each.callbackUrl} label="Copy callback address" />
              </span>
            )}
          </li>
        );
      })}
    </ul>
  );
}
