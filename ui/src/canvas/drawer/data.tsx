import { t } from "@/lib/text";
import { JsonView, StatusBadge } from "@/ui";
import { labelOf } from "../graph";
import { useFlow } from "../store";
import { useNodeRun, useSurroundings } from "../surroundings";

/** What went into the chosen node and what came out, in the run on show. */
export function DataTab({ nodeId }: { nodeId: string | undefined }) {
  const { runId } = useSurroundings();
  const step = useFlow((flow) => flow.nodes.find((node) => node.id === nodeId));
  const run = useNodeRun(nodeId ?? "");
  if (runId === null) return <Hint>{t("No run is on show. Press Run, or open one from its history.")}</Hint>;
  if (!step) return <Hint>{t("Choose a node to see what went into it and what came out.")}</Hint>;
  if (!run) return <Hint>{t("“{step}” was not in this run.", { step: labelOf(step) })}</Hint>;
  return (
    <div className="flex h-full min-h-0 flex-col">
      <p className="flex shrink-0 items-center gap-2 px-4 pt-2 text-sm">
        <span className="min-w-0 truncate font-medium">{labelOf(step)}</span>
        <StatusBadge status={run.status} attempts={run.attempt} plain />
        {run.error && <span className="min-w-0 truncate text-st-failed text-xs">{run.error.message}</span>}
      </p>
      <div className="grid min-h-0 flex-1 gap-4 overflow-y-auto px-4 py-2 md:grid-cols-2">
        <section aria-label={t("Input")} className="min-w-0">
          <h2 className="mb-1 font-medium text-muted text-xs">{t("Input")}</h2>
          <JsonView name="input" value={run.input} open={2} />
        </section>
        <section aria-label={t("Output")} className="min-w-0">
          <h2 className="mb-1 font-medium text-muted text-xs">{t("Output")}</h2>
          <JsonView name="output" value={run.output ?? null} open={2} />
        </section>
      </div>
    </div>
  );
}

function Hint({ children }: { children: React.ReactNode }) {
  return <p className="p-4 text-muted text-sm">{children}</p>;
}
