import { Handle, type NodeProps, Position, type Node as RFNode, useStore } from "@xyflow/react";
import { CircleAlert, CircleSlash } from "lucide-react";
import { memo } from "react";
import { cn } from "@/lib/cn";
import { Elapsed, ProviderChip, StatusBadge } from "@/ui";
import { KindGlyph } from "./glyph";
import { decoration, labelOf, type Step } from "./graph";
import { useNodeRun, useSurroundings } from "./surroundings";

export type CardNode = RFNode<{ step: Step; ports: string }, "card">;

/** A node of the drawing: what it is, what it does, what became of it in the run on show; inputs left, outputs right. */
export const Card = memo(function Card({ data: { step, ports: names }, selected }: NodeProps<CardNode>) {
  const { kinds, problems, editable } = useSurroundings();
  const run = useNodeRun(step.id);
  const far = useStore((state) => state.transform[2] < 0.4);
  const ports = names.split("\n").filter(Boolean);
  const kind = kinds.get(step.type);
  const provider = typeof step.data.config?.provider === "string" ? step.data.config.provider : null;
  const wrong = problems.filter((problem) => problem.nodeId === step.id && problem.severity === "error");
  const plain = decoration(step);
  return (
    <div
      data-card
      className={cn(
        "relative w-[232px] rounded-lg border bg-surface shadow-card",
        selected ? "border-accent-text ring-2 ring-accent-text" : "hover:border-edge",
        (step.data.disabled || run?.status === "SKIPPED") && "border-dashed",
      )}
    >
      <div className={cn("flex min-h-[70px] items-center gap-2.5 p-2.5", ports.length > 1 && "pr-12")}>
        <span className="grid size-9 shrink-0 place-items-center rounded-md bg-sunken text-accent-text">
          <KindGlyph type={step.type} className="size-4.5" />
        </span>
        {!far && (
          <div className="min-w-0 flex-1">
            <p className="truncate font-semibold text-sm" title={labelOf(step)}>
              {labelOf(step)}
            </p>
            <p className="flex min-w-0 items-center gap-1.5 text-muted text-xs">
              {provider && <ProviderChip provider={provider} />}
              <span className="truncate">{provider ?? kind?.title ?? step.type}</span>
            </p>
          </div>
        )}
        <span className="absolute top-1.5 right-1.5 flex gap-1">
          {step.data.disabled && (
            <CircleSlash role="img" aria-label="Switched off" className="size-3.5 text-muted" />
          )}
          {wrong.length > 0 && (
            <CircleAlert
              role="img"
              aria-label={`Problem: ${wrong[0]?.detail ?? ""}`}
              className="size-3.5 text-st-failed"
            />
          )}
        </span>
      </div>
      {run && (
        <div className="flex h-7 items-center justify-between gap-2 border-t px-2.5" data-status={run.status}>
          <StatusBadge status={run.status} attempts={run.attempt} plain />
          {run.startedAt && (
            <Elapsed from={run.startedAt} to={run.finishedAt} className="text-muted text-xs" />
          )}
        </div>
      )}
      {!plain && <Handle type="target" position={Position.Left} isConnectable={editable} />}
      {ports.map((port, index) => {
        const top = `${((index + 1) / (ports.length + 1)) * 100}%`;
        return (
          <div key={port}>
            {ports.length > 1 && (
              <span
                style={{ top }}
                className={cn(
                  "-translate-y-1/2 pointer-events-none absolute right-2.5 text-2xs",
                  port === "error" ? "text-st-failed" : "text-muted",
                )}
              >
                {port}
              </span>
            )}
            <Handle
              type="source"
              position={Position.Right}
              id={port}
              isConnectable={editable}
              title={`Port ${port}`}
              style={{ top, ...(port === "error" && { borderColor: "var(--st-failed)" }) }}
            />
          </div>
        );
      })}
    </div>
  );
});
