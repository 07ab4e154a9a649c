import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { revisionQuery } from "@/api/queries";
import type { OrchestratorDetail } from "@/api/types";
import { plural, relative } from "@/lib/time";
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
        <span title="Every start uses the newest revision">Not published</span>
      </Badge>
    );
  }
  const told = `Revision ${published} was published by ${publishedBy}, ${publishedDate && relative(publishedDate)}`;
  if (published === revision && !changed) {
    return (
      <Badge tone="done">
        <span title={told}>Published {published}</span>
      </Badge>
    );
  }
  return (
    <Badge>
      <span title={`${told}. Triggers run it until you publish another.`}>
        Draft
        {changes !== undefined && (
          <span className="max-sm:sr-only">
            {" "}
            · {changes === 0 ? "no change" : plural(changes, "change")} since revision {published}
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
