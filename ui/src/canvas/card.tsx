import { Handle, type NodeProps, Position, type Node as RFNode } from "@xyflow/react";
import { CircleAlert, CircleSlash, GitCompareArrows, KeyRound, type LucideIcon, Pin } from "lucide-react";
import { memo } from "react";
import type { NodeRun } from "@/api/types";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { Elapsed, lookOf, ProviderChip, StatusBadge, TONE_BG } from "@/ui";
import { NameField } from "./drawing/name-field";
import { useDetail } from "./drawing/view";
import { items } from "./drawing/wires";
import { KindGlyph } from "./glyph";
import { changed, labelOf, type Step } from "./graph";
import { OnCard } from "./later";
import { useFlow, useFlowControl } from "./store";
import { pinned } from "./testing/pins";
import { NodeMark } from "./versions/mark";

/** Everything a card shows, so that it is rendered again for nothing else. */
type CardData = {
  step: Step;
  /** One a line. */
  ports: string;
  kind: string;
  wrong: string | null;
  /** It has no connection, or one that is gone. */
  unconnected: boolean;
  /** Its remote workflow has changed since it was imported. */
  drifted: boolean;
  run: NodeRun | null;
  /** A run is on show, whether or not it came here. */
  over: boolean;
  marked: boolean;
  /** Open threads about it. */
  threads: number;
  /** Who else has it selected, one a line. */
  others: string;
  /** The wire that is being drawn cannot end here. */
  refused: boolean;
  editable: boolean;
};
export type CardNode = RFNode<CardData, "card">;

/** A node of the drawing: what it is, what it does, what became of it in the run on show; inputs left, outputs right. */
export const Card = memo(function Card({ data, selected }: NodeProps<CardNode>) {
  const { step, run } = data;
  const detail = useDetail();
  const ports = data.ports.split("\n").filter(Boolean);
  const untaken = run?.status === "SKIPPED" || (data.over && run === null);
  const tone = run ? lookOf(run.status).tone : null;
  return (
    <div
      data-card
      className={cn(
        "relative w-[232px] rounded-lg border bg-surface shadow-card",
        selected ? "border-accent-text ring-2 ring-accent-text" : "hover:border-edge",
        (step.data.disabled || untaken) && "border-dashed",
        untaken && "bg-ground shadow-none",
        data.refused && "opacity-40",
      )}
    >
      <div className={cn("flex h-[70px] items-center gap-2.5 p-2.5", ports.length > 1 && "pr-14")}>
        <span
          className={cn(
            "grid size-10 shrink-0 place-items-center rounded-md bg-sunken text-accent-text",
            detail !== "all" && tone && ["text-surface", TONE_BG[tone]],
            detail === "colour" && "size-full",
            untaken && "opacity-40",
          )}
        >
          <KindGlyph type={step.type} className={detail === "all" ? "size-4.5" : "size-7"} />
        </span>
        {detail === "all" ? (
          <Words data={data} />
        ) : (
          detail === "name" && (
            <p className="line-clamp-2 min-w-0 break-words font-semibold text-xl leading-6">
              {labelOf(step)}
            </p>
          )
        )}
        {detail === "all" && <Badges data={data} />}
      </div>
      {run && (
        <div
          data-status={run.status}
          className="flex h-7 items-center justify-between gap-2 border-t px-2.5 text-muted text-xs"
        >
          {detail === "all" ? <Outcome run={run} /> : <span className="sr-only">{run.status}</span>}
        </div>
      )}
      {data.marked && <NodeMark id={step.id} />}
      {(data.threads > 0 || data.others) && (
        <OnCard id={step.id} name={labelOf(step)} threads={data.threads} others={data.others} />
      )}
      <Handle type="target" position={Position.Left} isConnectable={data.editable} />
      {ports.map((port, index) => {
        const top = `${((index + 1) / (ports.length + 1)) * 100}%`;
        const error = port === "error";
        return (
          <div key={port}>
            {ports.length > 1 && detail === "all" && (
              <span
                style={{ top }}
                className={cn(
                  "-translate-y-1/2 pointer-events-none absolute right-2.5 text-2xs",
                  error ? "text-st-failed" : "text-muted",
                )}
              >
                {port}
              </span>
            )}
            <Handle
              type="source"
              position={Position.Right}
              id={port}
              isConnectable={data.editable}
              title={t("Port {port}", { port })}
              style={{ top, ...(error && { borderColor: "var(--st-failed)" }) }}
            />
          </div>
        );
      })}
    </div>
  );
});

/** Its name, which can be edited here, and what it does. */
function Words({ data: { step, kind, editable } }: { data: CardData }) {
  const control = useFlowControl();
  const naming = useFlow((flow) => flow.renaming === step.id) && editable;
  const config = step.data.config;
  const provider = typeof config?.provider === "string" ? config.provider : null;
  const name = workflowOf(step);
  return (
    <div className="min-w-0 flex-1">
      {naming ? (
        <NameField
          label={t("New name")}
          value={step.data.label ?? ""}
          onChange={(label) =>
            control.edit(
              t("Rename {label}", { label: step.data.label || step.id }),
              (flow) => changed(flow, new Set([step.id]), { label }),
              `${step.id} label`,
            )
          }
          onDone={() => control.renaming(null)}
        />
      ) : (
        <p className="truncate font-semibold text-sm" title={labelOf(step)}>
          {labelOf(step)}
        </p>
      )}
      <p className="flex min-w-0 items-center gap-1.5 text-muted text-xs">
        {provider && <ProviderChip provider={provider} />}
        <span className="truncate">{provider ? [provider, name].filter(Boolean).join(" · ") : kind}</span>
      </p>
    </div>
  );
}

/** The name of the remote workflow, where the drawing keeps it. */
function workflowOf(step: Step): string | null {
  const imported = step.data.imported;
  if (typeof imported !== "object" || imported === null || !("name" in imported)) return null;
  return typeof imported.name === "string" ? imported.name : null;
}

function Badges({ data }: { data: CardData }) {
  const { step, wrong, unconnected } = data;
  return (
    <span className="absolute top-1.5 right-1.5 flex gap-1">
      {pinned(step) && (
        <Badge icon={Pin} says={t("Its output is pinned for tests")} tone="text-accent-text" />
      )}
      {data.drifted && (
        <Badge icon={GitCompareArrows} says={t("Changed since import")} tone="text-st-warning" />
      )}
      {step.data.disabled && <Badge icon={CircleSlash} says={t("Switched off")} tone="text-muted" />}
      {wrong !== null && (
        <Badge
          icon={unconnected ? KeyRound : CircleAlert}
          says={unconnected ? t("No connection: {wrong}", { wrong }) : t("Problem: {wrong}", { wrong })}
          tone="text-st-failed"
        />
      )}
    </span>
  );
}

function Badge({ icon: Icon, says, tone }: { icon: LucideIcon; says: string; tone: string }) {
  return (
    <span title={says}>
      <Icon role="img" aria-label={says} className={cn("size-3.5", tone)} />
    </span>
  );
}

/** State, how long, how often tried, how much came out. */
function Outcome({ run }: { run: NodeRun }) {
  const count = items(run);
  return (
    <>
      <StatusBadge status={run.status} plain />
      <span className="tabular flex min-w-0 items-center gap-2 truncate">
        {(run.attempt ?? 1) > 1 && <span>{t("try {attempt}", { attempt: run.attempt })}</span>}
        {count && run.status === "COMPLETED" && <span>{count}</span>}
        {run.startedAt && <Elapsed from={run.startedAt} to={run.finishedAt} />}
      </span>
    </>
  );
}
