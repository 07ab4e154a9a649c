import type { UseQueryResult } from "@tanstack/react-query";
import type { Failure, NodeState, Sample } from "@/api/types";
import { t } from "@/lib/text";
import { Loaded, SkeletonRows, StatusBadge } from "@/ui";
import type { Step } from "../graph";
import { useNodeRun } from "../surroundings";
import { pinned } from "../testing/pins";
import { StepData } from "./data-view";
import { From } from "./input-pane";

type Props = { step: Step; query: UseQueryResult<Sample> };

/** What came of the step: in the run on show, else when it last ran. */
export function OutputPane({ step, query }: Props) {
  const run = useNodeRun(step.id);
  const pin = pinned(step) ? [(step.data as { pinned?: unknown }).pinned] : null;
  return (
    <div className="flex min-w-0 flex-col gap-2">
      {run ? (
        <>
          <p className="flex items-center justify-between gap-2 text-muted text-xs">
            {t("in the run on show")} <StatusBadge status={run.status} attempts={run.attempt} />
          </p>
          <Trouble error={run.error} />
          {run.remote?.url && (
            <a
              href={run.remote.url}
              target="_blank"
              rel="noreferrer"
              className="text-accent-text text-xs underline"
            >
              {t("Open in {provider}", { provider: run.remote.provider })}
            </a>
          )}
          <Shown status={run.status} value={run.output} />
        </>
      ) : (
        <Loaded query={query}>
          {({ last }) =>
            last ? (
              <>
                <p className="flex items-center justify-between gap-2 text-muted text-xs">
                  <span>
                    <From run={last.run} />
                  </span>
                  <StatusBadge status={last.status} />
                </p>
                <Trouble error={last.error} />
                <Shown status={last.status} value={last.output} />
              </>
            ) : pin ? null : (
              <p className="rounded-md bg-sunken p-2 text-muted text-xs">
                {t("No output yet: run this step, or pin an example of what it gives.")}
              </p>
            )
          }
        </Loaded>
      )}
      {pin && (
        <section aria-label={t("Pinned output")} className="flex flex-col gap-1">
          <p className="text-muted text-xs">{t("Pinned: tests use this instead of running the step.")}</p>
          <StepData
            label={t("Pinned output")}
            roots={[{ name: "output", path: "output", value: pin[0], open: 2 }]}
          />
        </section>
      )}
    </div>
  );
}

function Shown({ status, value }: { status: NodeState; value: unknown }) {
  if (value === undefined) return <SkeletonRows rows={2} className="p-0" />;
  if (value === null && status !== "COMPLETED") return null;
  return <StepData label={t("Output")} roots={[{ name: "output", path: "output", value, open: 2 }]} />;
}

function Trouble({ error }: { error: Failure | null | undefined }) {
  if (!error) return null;
  return (
    <div className="rounded-md bg-sunken p-2 text-xs">
      <p className="break-words text-st-failed">{error.message}</p>
      {error.hint && <p className="mt-0.5 text-muted">{error.hint}</p>}
    </div>
  );
}
