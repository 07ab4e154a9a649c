import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CloudOff, Crosshair, History, Square, X } from "lucide-react";
import { useRunEvents } from "@/api/events";
import { toastProblem } from "@/api/problem";
import { ended, runQuery, useCancelRun, useMay } from "@/api/queries";
import { t } from "@/lib/text";
import { Button, Elapsed, ErrorState, IconButton, StatusBadge } from "@/ui";
import { open } from "./replay/at";
import { useFlow } from "./store";
import { useSurroundings } from "./surroundings";

type Props = {
  runId: string;
  onFollow: (follow: boolean) => void;
  onReplay: () => void;
  onClose: () => void;
};

/** The run that is shown over the drawing; follows it while it goes on. */
export function RunBar({ runId, onFollow, onReplay, onClose }: Props) {
  const { data: run, error } = useQuery(runQuery(runId));
  const stream = useRunEvents(run ? runId : null);
  const revision = useFlow((flow) => flow.revision);
  const cancel = useCancelRun();
  const may = useMay("operator");
  const { follow } = useSurroundings();
  if (error && !run) {
    return (
      <div className="relative shrink-0 border-b">
        <ErrorState error={error} title={t("This run cannot be shown")} className="py-4" />
        <IconButton
          label={t("Hide the run")}
          icon={X}
          size="sm"
          onClick={onClose}
          className="absolute top-2 right-2"
        />
      </div>
    );
  }
  if (!run) return null;
  const over = ended(run.status);
  const done = run.nodes.filter((node) => !open(node.status)).length;
  return (
    <section
      aria-label={t("Run")}
      className="flex shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b bg-accent-soft px-3 py-1.5 text-sm"
    >
      <Link
        to="/runs/$runId"
        params={{ runId }}
        className="font-semibold text-accent-text underline underline-offset-2"
      >
        {t("Run {number}", { number: run.number })}
      </Link>
      <span role="status">
        <StatusBadge status={run.status} plain />
      </span>
      <Elapsed from={run.startedAt} to={run.finishedAt} className="text-xs" />
      <span className="tabular text-xs">
        {t("{done} of {nodes} steps", { done, nodes: run.nodes.length })}
      </span>
      {stream === "waiting" && (
        <span role="status" className="flex items-center gap-1 text-st-warning text-xs">
          <CloudOff aria-hidden className="size-3.5" /> {t("Live updates are cut off; trying again")}
        </span>
      )}
      {run.revision !== revision && (
        <span className="text-xs">
          {t("Of revision {revision}; the drawing is revision {revision2}.", {
            revision: run.revision,
            revision2: revision,
          })}
        </span>
      )}
      {run.error && <span className="min-w-0 truncate text-st-failed text-xs">{run.error.message}</span>}
      <span className="flex-1" />
      {!over && (
        <Button
          size="sm"
          variant={follow ? "secondary" : "ghost"}
          icon={Crosshair}
          aria-pressed={follow}
          onClick={() => onFollow(!follow)}
        >
          {follow ? t("Follow on") : t("Follow off")}
        </Button>
      )}
      {may && !over && (
        <Button
          size="sm"
          icon={Square}
          pending={cancel.isPending}
          onClick={() =>
            cancel.mutate(runId, {
              onError: (problem) => toastProblem(problem, t("The run was not cancelled")),
            })
          }
        >
          {t("Cancel run")}
        </Button>
      )}
      {over && (
        <Button size="sm" icon={History} onClick={onReplay}>
          {t("Replay")}
        </Button>
      )}
      <IconButton label={t("Hide the run")} icon={X} size="sm" onClick={onClose} />
    </section>
  );
}
