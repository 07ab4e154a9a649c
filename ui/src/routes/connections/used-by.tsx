import { Link } from "@tanstack/react-router";
import type { Usage } from "@/api/types";
import { t } from "@/lib/text";
import { Popover } from "@/ui";

/** An orchestrator, and its steps that use the connection. */
export type Use = { id: string; name: string; steps: Usage[] };

/** By orchestrator, in the order they come. */
export function usesOf(usages: readonly Usage[]): Use[] {
  const found = new Map<string, Use>();
  for (const usage of usages) {
    const use = found.get(usage.orchestratorId) ?? {
      id: usage.orchestratorId,
      name: usage.orchestratorName,
      steps: [],
    };
    use.steps.push(usage);
    found.set(usage.orchestratorId, use);
  }
  return [...found.values()];
}

/** "3 orchestrators", which opens the list of them. */
export function UsedBy({ name, uses }: { name: string; uses: readonly Use[] }) {
  if (uses.length === 0) return <span className="text-muted">{t("Nothing yet")}</span>;
  return (
    <Popover
      label={t("What uses {name}", { name })}
      trigger={
        <button type="button" className="min-h-6 text-accent-text hover:underline">
          {t("{uses, plural, one {# orchestrator} other {# orchestrators}}", { uses: uses.length })}
          <span className="sr-only">{t(", show what uses {name}", { name })}</span>
        </button>
      }
    >
      <UseList uses={uses} />
    </Popover>
  );
}

/** Links to the orchestrators; each opens at the first step that uses the connection. */
export function UseList({ uses }: { uses: readonly Use[] }) {
  return (
    <ul className="flex min-w-48 flex-col gap-0.5 text-sm">
      {uses.map((use) => (
        <li key={use.id}>
          <Link
            to="/orchestrators/$id"
            params={{ id: use.id }}
            search={{
              node: use.steps[0]?.nodeId,
              revision: use.steps[0]?.newest === false ? use.steps[0].revision : undefined,
            }}
            className="flex min-h-6 flex-wrap items-baseline gap-x-1.5 hover:underline"
          >
            <span className="text-accent-text">{use.name}</span>
            <span className="text-muted text-xs">
              {use.steps
                .slice(0, 3)
                .map((step) => step.nodeLabel)
                .join(", ")}
              {use.steps.length > 3 && t(" and {steps} more", { steps: use.steps.length - 3 })}
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
