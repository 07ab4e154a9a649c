import { CircleAlert, CircleCheck, TriangleAlert } from "lucide-react";
import type { DefinitionProblem } from "@/api/types";
import { t } from "@/lib/text";
import { Button } from "@/ui";
import { labelOf } from "../graph";
import { useFlow } from "../store";
import { useSurroundings } from "../surroundings";

type Props = { onOpen: (nodeId: string, field: string | null) => void };

/** What keeps the drawing from running, then what may surprise; each leads to its node and field. */
export function ProblemsTab({ onOpen }: Props) {
  const { problems } = useSurroundings();
  const errors = problems.filter((problem) => problem.severity === "error");
  const warnings = problems.filter((problem) => problem.severity !== "error");
  if (problems.length === 0) {
    return (
      <p className="flex items-center gap-2 p-4 text-muted text-sm">
        <CircleCheck aria-hidden className="size-4 text-st-done" /> {t("Nothing keeps this from running.")}
      </p>
    );
  }
  return (
    <div className="h-full overflow-y-auto pb-2">
      <Group
        title={t("{errors, plural, one {# error} other {# errors}}", { errors: errors.length })}
        problems={errors}
        onOpen={onOpen}
      />
      <Group
        title={t("{warnings, plural, one {# warning} other {# warnings}}", { warnings: warnings.length })}
        problems={warnings}
        onOpen={onOpen}
      />
    </div>
  );
}

function Group({
  title,
  problems,
  onOpen,
}: Props & { title: string; problems: readonly DefinitionProblem[] }) {
  const nodes = useFlow((flow) => flow.nodes);
  if (problems.length === 0) return null;
  const labels = new Map(nodes.map((node) => [node.id, labelOf(node)]));
  return (
    <section aria-label={title}>
      <h2 className="px-4 pt-2.5 pb-1 font-medium text-muted text-xs">{title}</h2>
      <ul>
        {problems.map((problem) => {
          const error = problem.severity === "error";
          const Icon = error ? CircleAlert : TriangleAlert;
          const { nodeId, field } = problem;
          return (
            <li
              key={`${nodeId} ${field} ${problem.detail}`}
              className="flex items-start gap-2 px-4 py-1 text-sm hover:bg-hover"
            >
              <Icon
                role="img"
                aria-label={error ? t("Error") : t("Warning")}
                className={`mt-1 size-4 shrink-0 ${error ? "text-st-failed" : "text-st-warning"}`}
              />
              <span className="mt-0.5 w-44 shrink-0 truncate font-medium max-md:hidden">
                {nodeId === null ? t("The whole drawing") : (labels.get(nodeId) ?? nodeId)}
              </span>
              <span className="mt-1 w-32 shrink-0 truncate font-mono text-muted text-xs max-md:hidden">
                {field}
              </span>
              <span className="mt-0.5 min-w-0 flex-1 break-words">{problem.detail}</span>
              {nodeId !== null && (
                <Button size="sm" variant="ghost" onClick={() => onOpen(nodeId, field ?? null)}>
                  {t("Go to")}
                </Button>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
