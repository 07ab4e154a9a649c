import type { RunStep } from "@/api/types";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { lookOf, TONE_BG, TONE_TEXT } from "@/ui";

const INITIALS: Record<string, string> = { n8n: "n", make: "M", zapier: "Z", airflow: "A", flowise: "F" };

/** One block per step, in order: coloured and shaped by its state, the platform's initial under it. */
export function StepStrip({ steps }: { steps: readonly RunStep[] }) {
  if (steps.length === 0) return <span className="text-muted">–</span>;
  const dense = steps.length > 9;
  return (
    <span role="img" aria-label={spoken(steps)} className={cn("flex w-full", dense ? "gap-px" : "gap-0.5")}>
      {steps.map((step) => (
        <span
          key={step.id}
          title={`${step.label}: ${lookOf(step.status).label}`}
          className={cn("flex min-w-0 flex-col items-center", dense ? "max-w-2.5 flex-1" : "w-2.5")}
        >
          <Block status={step.status} />
          {!dense && (
            <span aria-hidden className="h-2.5 text-[0.5625rem] text-muted leading-2.5">
              {step.provider ? (INITIALS[step.provider] ?? step.provider.slice(0, 1).toUpperCase()) : ""}
            </span>
          )}
        </span>
      ))}
    </span>
  );
}

/** Full: done. With a cross: failed. Half: under way. A line in the middle: waits. Outline: not reached; dashed: skipped. */
function Block({ status }: { status: RunStep["status"] }) {
  const { tone } = lookOf(status);
  const fill = TONE_BG[tone];
  const line = cn("border border-current", TONE_TEXT[tone]);
  switch (status) {
    case "COMPLETED":
      return <span className={cn("h-2.5 w-full rounded-[2px]", fill)} />;
    case "FAILED":
    case "TIMED_OUT":
      return (
        <span className={cn("relative grid h-2.5 w-full place-items-center overflow-hidden", fill)}>
          <svg aria-hidden viewBox="0 0 10 10" className="size-2.5 text-surface">
            <path
              d={status === "FAILED" ? "M2.5 2.5 7.5 7.5M7.5 2.5 2.5 7.5" : "M5 2v3.2h3"}
              stroke="currentColor"
              strokeWidth="1.6"
              fill="none"
            />
          </svg>
        </span>
      );
    case "RUNNING":
    case "QUEUED":
      return (
        <span className={cn("flex h-2.5 w-full items-end overflow-hidden rounded-[2px]", line)}>
          <span className={cn("w-full", status === "RUNNING" ? "h-1" : "h-0", fill)} />
        </span>
      );
    case "WAITING":
    case "HELD":
      return (
        <span className={cn("grid h-2.5 w-full place-items-center rounded-full", line)}>
          <span className={cn("h-1 w-1 rounded-full", fill)} />
        </span>
      );
    case "CANCELLED":
      return <span className={cn("my-0.5 h-1.5 w-full", fill)} />;
    case "SKIPPED":
      return <span className={cn("h-2.5 w-full rounded-[2px] border-dashed", line)} />;
    default:
      return <span className={cn("h-2.5 w-full rounded-[2px] opacity-60", line)} />;
  }
}

function spoken(steps: readonly RunStep[]): string {
  const done = steps.filter((step) => step.status === "COMPLETED" || step.status === "SKIPPED").length;
  const others = steps
    .filter((step) => !["COMPLETED", "SKIPPED", "PENDING"].includes(step.status))
    .slice(0, 3)
    .map((step) => `${step.label} ${lookOf(step.status).label.toLowerCase()}`);
  return [t("{done} of {steps} steps done", { done, steps: steps.length }), ...others].join(", ");
}
