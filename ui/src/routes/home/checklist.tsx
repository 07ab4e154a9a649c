import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, type LinkProps } from "@tanstack/react-router";
import { Circle, CircleCheck } from "lucide-react";
import { connectionsQuery, orchestratorsQuery, runsQuery } from "@/api/queries";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { SandboxButton } from "@/shell/sandbox-button";
import { Button, Section } from "@/ui";

type Step = {
  title: string;
  why: string;
  done: boolean;
  to: NonNullable<LinkProps["to"]>;
  action: string;
};

/** The way from an empty product to the first good run; null until it is known, and once a run has completed. */
export function useSteps(): Step[] | null {
  const connections = useQuery(connectionsQuery()).data;
  const orchestrators = useInfiniteQuery(orchestratorsQuery()).data;
  const runs = useInfiniteQuery(runsQuery({}, 1)).data;
  const good = useInfiniteQuery(runsQuery({ status: ["COMPLETED"] }, 1)).data;
  if (!connections || !orchestrators || !runs || !good) return null;
  if (good.pages[0]?.items.length) return null;
  return [
    {
      title: t("Connect a platform"),
      why: t("n8n, Make, Zapier or Airflow, with a key of yours."),
      done: connections.length > 0,
      to: "/connections",
      action: t("Connections"),
    },
    {
      title: t("Look at its workflows"),
      why: t("What Baton can start there, and which steps it has."),
      done: connections.some((connection) => connection.lastSync !== null),
      to: "/workflows",
      action: t("Workflows"),
    },
    {
      title: t("Draw an orchestrator"),
      why: t("Workflows in order, with what one hands to the next."),
      done: Boolean(orchestrators.pages[0]?.items.length),
      to: "/orchestrators",
      action: t("Orchestrators"),
    },
    {
      title: t("Run it"),
      why: t("Open it and press Run; each step shows what it does."),
      done: Boolean(runs.pages[0]?.items.length),
      to: "/orchestrators",
      action: t("Orchestrators"),
    },
    {
      title: t("See a run complete"),
      why: t("A run that fails says which step it was, and why."),
      done: false,
      to: "/runs",
      action: t("Runs"),
    },
  ];
}

export function Checklist({ steps }: { steps: readonly Step[] }) {
  const next = steps.findIndex((step) => !step.done);
  const done = steps.filter((step) => step.done).length;
  return (
    <Section
      title={t("First steps")}
      description={t("{done} of {steps} done", { done, steps: steps.length })}
      flush
      actions={steps[0]?.done ? null : <SandboxButton size="sm" />}
    >
      <ol className="divide-y">
        {steps.map((step, at) => {
          const Icon = step.done ? CircleCheck : Circle;
          return (
            <li key={step.title} className="flex items-center gap-3 px-4 py-2.5 text-sm">
              <Icon
                role="img"
                aria-label={step.done ? t("Done") : t("To do")}
                className={cn("size-4 shrink-0", step.done ? "text-st-done" : "text-muted")}
              />
              <div className="min-w-0 flex-1">
                <p className={cn("font-medium", step.done && "text-muted")}>{step.title}</p>
                <p className="text-muted text-xs">{step.why}</p>
              </div>
              <Button size="sm" variant={at === next ? "primary" : "ghost"} asChild>
                <Link to={step.to} aria-label={`${step.action}: ${step.title}`}>
                  {step.action}
                </Link>
              </Button>
            </li>
          );
        })}
      </ol>
    </Section>
  );
}
