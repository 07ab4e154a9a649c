import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { revisionQuery } from "@/api/queries";
import type { RunDetail } from "@/api/types";
import { rich, t } from "@/lib/text";
import { JsonView, Loaded } from "@/ui";

/** How the step was set in the revision that ran. */
export function ConfigView({ run, nodeId }: { run: RunDetail; nodeId: string }) {
  const query = useQuery(revisionQuery(run.orchestratorId, run.revision));
  return (
    <div className="min-h-0 flex-1 overflow-auto p-4">
      <p className="pb-2 text-muted text-xs">
        {rich("As set in revision {revision}. <link>Change it on the canvas</link>", {
          revision: run.revision,
          link: (inner) => (
            <Link
              to="/orchestrators/$id"
              params={{ id: run.orchestratorId }}
              search={{ node: nodeId }}
              className="text-accent-text hover:underline"
            >
              {inner}
            </Link>
          ),
        })}
      </p>
      <Loaded query={query} compact title={t("The revision cannot be read")}>
        {({ definition }) => {
          const node = definition.nodes?.find((each) => each.id === nodeId);
          return <JsonView value={node?.data?.config ?? {}} />;
        }}
      </Loaded>
    </div>
  );
}
