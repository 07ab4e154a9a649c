import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { revisionQuery } from "@/api/queries";
import type { OrchestratorDetail } from "@/api/types";
import { t } from "@/lib/text";
import { relative } from "@/lib/time";
import { Badge } from "@/ui";
import { dirty, useFlow, useFlowControl } from "./store";
import { diff } from "./versions/diff";

/** How what is drawn stands to what triggers run. */
export function PublishedBadge({ found }: { found: OrchestratorDetail }) {
  const revision = useFlow((flow) => flow.revision);
  const changed = useFlow(dirty);
  const changes = useChanges(found, revision, changed);
  const { publishedRevision: published, publishedDate, publishedBy } = found;
  if (published === null) {
    return (
      <Badge>
        <span title={t("Every start uses the newest revision")}>{t("Not published")}</span>
      </Badge>
    );
  }
  const told = t("Revision {published} was published by {publishedBy}, {when}", {
    published,
    publishedBy,
    when: publishedDate && relative(publishedDate),
  });
  if (published === revision && !changed) {
    return (
      <Badge tone="done">
        <span title={told}>{t("Published {published}", { published })}</span>
      </Badge>
    );
  }
  return (
    <Badge>
      <span title={t("{told}. Triggers run it until you publish another.", { told })}>
        {t("Draft")}
        {changes !== undefined && (
          <span className="max-sm:sr-only">
            {" "}
            ·{" "}
            {t("{what} since revision {published}", {
              what:
                changes === 0
                  ? t("no change")
                  : t("{changes, plural, one {# change} other {# changes}}", { changes }),
              published,
            })}
          </span>
        )}
      </span>
    </Badge>
  );
}

/** How many changes there are between what is published and what is drawn; undefined: it is not known yet. */
function useChanges(found: OrchestratorDetail, revision: number, changed: boolean): number | undefined {
  const control = useFlowControl();
  const nodes = useFlow((flow) => flow.nodes);
  const edges = useFlow((flow) => flow.edges);
  const published = found.publishedRevision;
  const differs = published !== null && (published !== revision || changed);
  const { data: before } = useQuery({ ...revisionQuery(found.id, published ?? 0), enabled: differs });
  const [count, setCount] = useState<number>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: `nodes` and `edges` say when the definition is another one
  useEffect(() => {
    if (!differs || before === undefined) {
      setCount(undefined);
      return;
    }
    const timer = window.setTimeout(() => {
      const found = diff(before.definition, control.definition());
      setCount(found.nodes.length + found.wires.length + found.settings.length);
    }, 150);
    return () => window.clearTimeout(timer);
  }, [control, before, differs, nodes, edges]);
  return count;
}
