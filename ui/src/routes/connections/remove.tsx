import { useQuery } from "@tanstack/react-query";
import { problemOf, toastProblem } from "@/api/problem";
import { usagesQuery, useDeleteConnection } from "@/api/queries";
import type { Connection } from "@/api/types";
import { Notice } from "@/connecting";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { ConfirmDialog, Loaded, SkeletonRows } from "@/ui";
import { UseList, usesOf } from "./used-by";

/** Deleting: names the orchestrators that use the connection, as links, before anything happens. */
export function RemoveDialog({ connection, onClose }: { connection: Connection; onClose: () => void }) {
  const query = useQuery({ ...usagesQuery({ connectionId: connection.id }), staleTime: 0 });
  const remove = useDeleteConnection();
  const uses = usesOf(query.data ?? []);
  const refused = remove.error && problemOf(remove.error).code === "connection-in-use";
  const used = uses.length > 0 || refused;
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("Delete {name}?", { name: connection.name })}
      action={used ? t("Delete all the same") : t("Delete connection")}
      pending={remove.isPending || query.isFetching}
      onConfirm={() =>
        remove.mutate(
          { id: connection.id, ...(used && { force: true }) },
          {
            onSuccess: () => {
              toast.success(t("{name} was deleted", { name: connection.name }));
              onClose();
            },
            onError: (error) => {
              if (problemOf(error).code === "connection-in-use") {
                void query.refetch(); // somebody began to use it meanwhile
                return;
              }
              toastProblem(error, t("{name} was not deleted", { name: connection.name }));
              onClose();
            },
          },
        )
      }
    >
      <Loaded query={query} compact skeleton={<SkeletonRows rows={2} className="p-0" />}>
        {() =>
          used ? (
            <div role="alert" className="flex flex-col gap-2">
              <Notice
                tone="warning"
                title={
                  uses.length === 1
                    ? t("One orchestrator uses it")
                    : t("{uses, plural, one {# orchestrator} other {# orchestrators}} use it", {
                        uses: uses.length,
                      })
                }
              >
                {t(
                  "Steps that name it fail from now on, until they are pointed at another connection. To keep it without using it, switch it off.",
                )}
              </Notice>
              <div className="max-h-60 overflow-y-auto px-1">
                <UseList uses={uses} />
              </div>
            </div>
          ) : (
            <p>
              {t(
                "Its address and secrets are forgotten here; nothing changes on the platform. This cannot be undone.",
              )}
            </p>
          )
        }
      </Loaded>
    </ConfirmDialog>
  );
}
