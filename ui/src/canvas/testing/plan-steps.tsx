import type { Plan, PlanStep } from "@/api/types";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { Badge, ProviderChip } from "@/ui";

const WORDS: Record<PlanStep["action"], string> = {
  pinned: t("Pinned"),
  reuse: t("Reused"),
  run: t("Runs"),
  call: t("Calls"),
  recorded: t("Recorded"),
  skip: t("Skipped"),
  missing: t("Missing"),
};

/** A plan, step by step: what is reused, what runs, and what a call does outside. */
export function PlanSteps({ plan, className }: { plan: Plan; className?: string }) {
  return (
    <ol
      className={cn("flex flex-col divide-y rounded-md border", className)}
      aria-label={t("Steps of the plan")}
    >
      {plan.steps.map((step) => (
        <li key={step.nodeId} className="flex items-start gap-2 px-2.5 py-1.5 text-sm">
          <span className="w-16 shrink-0 pt-px">
            <Badge
              tone={step.effect === "unsafe" ? "waiting" : step.action === "missing" ? "failed" : undefined}
            >
              {WORDS[step.action]}
            </Badge>
          </span>
          <span className="min-w-0 flex-1">
            <span className="block truncate font-medium">{step.label}</span>
            <span className="block break-words text-muted text-xs">{step.detail}</span>
          </span>
          {step.provider && step.provider !== "webhook" && <ProviderChip provider={step.provider} />}
        </li>
      ))}
    </ol>
  );
}
