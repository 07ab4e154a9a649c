import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { kindsQuery, orchestratorQuery } from "@/api/queries";
import { CanvasEditor } from "@/canvas";
import { t } from "@/lib/text";
import { Loaded } from "@/ui";

const route = getRouteApi("/orchestrators/$id");

/** The canvas of one orchestrator. */
export function OrchestratorPage() {
  const { id } = route.useParams();
  const place = route.useSearch();
  const navigate = useNavigate({ from: "/orchestrators/$id" });
  const query = useQuery(orchestratorQuery(id));
  const kinds = useQuery(kindsQuery);
  return (
    <Loaded query={query} title={t("This orchestrator cannot be shown")}>
      {(found) => (
        <Loaded query={kinds} title={t("The kinds of nodes cannot be shown")}>
          {(known) => (
            <CanvasEditor
              key={id}
              found={found}
              kinds={known}
              place={place}
              onPlace={(next) =>
                void navigate({ search: (before) => ({ ...before, ...next }), replace: true })
              }
              onCopied={(copy) =>
                void navigate({ to: "/orchestrators/$id", params: { id: copy }, search: {} })
              }
            />
          )}
        </Loaded>
      )}
    </Loaded>
  );
}
