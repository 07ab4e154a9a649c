import { toast } from "sonner";
import { problemOf, toastProblem } from "@/api/problem";
import { useDeleteConnection } from "@/api/queries";
import type { Connection } from "@/api/types";
import { ConfirmDialog } from "@/ui";
import { Notice } from "./result";

/** Deleting: asks once, and once more when orchestrators use it, naming them. */
export function RemoveDialog({ connection, onClose }: { connection: Connection; onClose: () => void }) {
  const remove = useDeleteConnection();
  const refused = remove.error ? problemOf(remove.error) : null;
  const used = refused?.code === "connection-in-use";
  return (
    <ConfirmDialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`Delete ${connection.name}?`}
      action={used ? "Delete all the same" : "Delete connection"}
      pending={remove.isPending}
      onConfirm={() =>
        remove.mutate(
          { id: connection.id, ...(used && { force: true }) },
          {
            onSuccess: () => {
              toast.success(`${connection.name} was deleted`);
              onClose();
            },
            onError: (error) => {
              if (problemOf(error).code === "connection-in-use") return;
              toastProblem(error, `${connection.name} was not deleted`);
              onClose();
            },
          },
        )
      }
    >
      {used ? (
        <div role="alert">
          <Notice tone="warning" title={refused?.detail}>
            Steps that name it fail from now on, until they are pointed at another connection. To keep it
            without using it, switch it off.
          </Notice>
        </div>
      ) : (
        <p>
          Its address and secrets are forgotten here; nothing changes on the platform. This cannot be undone.
        </p>
      )}
    </ConfirmDialog>
  );
}
