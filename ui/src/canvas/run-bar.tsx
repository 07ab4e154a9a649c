import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Square, X } from "lucide-react";
import { useRunEvents } from "@/api/events";
import { toastProblem } from "@/api/problem";
import { ended, runQuery, useCancelRun, useMay } from "@/api/queries";
import { Button, Elapsed, ErrorState, IconButton, StatusBadge } from "@/ui";
import { useFlow } from "./store";

const OPEN = ["PENDING", "QUEUED", "RUNNING", "WAITING", "HELD"];

/** The run that is shown over the drawing; follows it while it goes on. */
export function RunBar({ runId, onClose }: { runId: string; onClose: () => void }) {
  const { data: run, error } = useQuery(runQuery(runId));
  useRunEvents(run ? runId : null);
  const revision = useFlow((flow) => flow.revision);
  const cancel = useCancelRun();
  const may = useMay("operator");
  if (error && !run) return <ErrorState error={error} title="This run cannot be shown" className="py-4" />;
  if (!run) return null;
  const done = run.nodes.filter((node) => !OPEN.includes(node.status)).length;
  return (
    <section
      aria-label="Run"
      className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b bg-accent-soft px-3 py-1.5 text-sm"
    >
      <Link
        to="/runs/$runId"
        params={{ runId }}
        className="font-semibold text-accent-text underline underline-offset-2"
      >
        Run {run.number}
      </Link>
      <span role="status">
        <StatusBadge status={run.status} plain />
      </span>
      <Elapsed from={run.startedAt} to={run.finishedAt} className="text-xs" />
      <span className="tabular text-xs">
        {done} of {run.nodes.length} steps
      </span>
      {run.revision !== revision && (
        <span className="text-xs">
          Of revision {run.revision}; the drawing is revision {revision}.
        </span>
      )}
      {run.error && <span className="min-w-0 truncate text-st-failed text-xs">{run.error.message}</span>}
      <span className="flex-1" />
      {may && !ended(run.status) && (
        <Button
          size="sm"
          icon={Square}
          pending={cancel.isPending}
          onClick={() =>
            cancel.mutate(runId, { onError: (problem) => toastProblem(problem, "The run was not cancelled") })
          }
        >
          Cancel run
        </Button>
      )}
      <IconButton label="Hide the run" icon={X} size="sm" onClick={onClose} />
    </section>
  );
}
