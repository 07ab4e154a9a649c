import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { kindsQuery, orchestratorQuery } from "@/api/queries";
import { Badge, Loaded, Page } from "@/ui";

const route = getRouteApi("/orchestrators/$id");

/** The canvas. */
export function OrchestratorPage() {
  const { id } = route.useParams();
  const query = useQuery(orchestratorQuery(id));
  const { data: kinds } = useQuery(kindsQuery);
  return (
    <Page
      title={query.data?.name ?? "Orchestrator"}
      badge={query.data && <Badge>Revision {query.data.revision}</Badge>}
      description={query.data?.description}
    >
      <Loaded query={query} title="This orchestrator cannot be shown">
        {(found) => (
          <ol className="divide-y rounded-lg border bg-surface">
            {(found.definition.nodes ?? []).map((node) => (
              <li key={node.id} className="flex gap-3 px-4 py-2.5 text-sm">
                <span className="min-w-0 flex-1 truncate font-medium">{node.data?.label || node.id}</span>
                <span className="text-muted">
                  {kinds?.find((kind) => kind.type === node.type)?.title ?? node.type}
                </span>
              </li>
            ))}
          </ol>
        )}
      </Loaded>
    </Page>
  );
}
