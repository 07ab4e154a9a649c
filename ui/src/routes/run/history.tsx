import { ChevronRight } from "lucide-react";
import { useMemo } from "react";
import type { LogLine, NodeRun } from "@/api/types";
import { t } from "@/lib/text";
import { absolute, duration } from "@/lib/time";
import { useNow } from "@/lib/use-now";
import { lookOf, StatusIcon, Tooltip } from "@/ui";
import { type Stage, stagesOf } from "./stages";

const MOST = 8;

/** What became of the step, in order: in which state for how long, try by try. */
export function StatusHistory({ node, lines }: { node: NodeRun; lines: readonly LogLine[] }) {
  const stages = useMemo(() => stagesOf(node, lines), [node, lines]);
  const going = stages.at(-1)?.to === null;
  const now = useNow(going ? 1000 : 0);
  if (stages.length < 2 && !going) return null;
  const tries = Math.max(1, ...stages.map(({ attempt }) => attempt ?? 1));
  const left = stages.length - MOST;
  const shown = left > 0 ? stages.slice(-MOST) : stages;
  return (
    <ol
      aria-label={t("Status history")}
      className="flex shrink-0 flex-wrap items-center gap-x-1.5 gap-y-0.5 px-4 pb-1 text-muted text-xs"
    >
      {left > 0 && <li>{t("{left} before,", { left })}</li>}
      {shown.map((stage, index) => (
        <li key={`${stage.at} ${stage.state}`} className="inline-flex items-center gap-1.5">
          {index > 0 && <ChevronRight aria-hidden className="size-3" />}
          <Tooltip content={absolute(stage.at)}>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: its time is shown on focus */}
            <span tabIndex={0} className="inline-flex min-h-6 items-center gap-1">
              {index === shown.length - 1 && (
                <StatusIcon
                  status={stage.state === "RETRYING" ? "WAITING" : stage.state}
                  className="size-3.5"
                />
              )}
              <span className="text-ink">{word(stage, tries)}</span>
              {stage.to !== stage.at && (
                <span className="tabular">{duration((stage.to ?? Math.max(now, stage.at)) - stage.at)}</span>
              )}
            </span>
          </Tooltip>
        </li>
      ))}
    </ol>
  );
}

function word({ state, attempt }: Stage, tries: number): string {
  if (state === "RETRYING") return t("Waits for the next try");
  const label = lookOf(state).label;
  return state === "RUNNING" && tries > 1 && attempt !== null
    ? t("{label}, try {attempt} of {tries}", { label, attempt, tries })
    : label;
}
