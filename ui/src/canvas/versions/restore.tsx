import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { toastProblem } from "@/api/problem";
import { revisionQuery, useSaveOrchestrator } from "@/api/queries";
import { keys } from "@/api/queries/keys";
import type { OrchestratorDetail } from "@/api/types";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { ConfirmDialog } from "@/ui";
import { dirty, type FlowControl } from "../store";

export type Restoring = { ask: (revision: number) => void; pending: boolean; dialog: ReactNode };

/** Makes an earlier revision the newest one again: a save like any other, so nothing is lost. `control`: the open drawing. */
export function useRestore(found: OrchestratorDetail, control: FlowControl, onDone: () => void): Restoring {
  const client = useQueryClient();
  const put = useSaveOrchestrator(found.id);
  const [asked, setAsked] = useState<number | null>(null);
  const restore = async (revision: number) => {
    try {
      const { definition } = await client.fetchQuery(revisionQuery(found.id, revision));
      const saved = await put.mutateAsync({ definition, revision: found.revision });
      control.reopen(saved);
      toast.success(
        t("Revision {revision} is restored as revision {revision2}", { revision, revision2: saved.revision }),
      );
      onDone();
    } catch (error) {
      toastProblem(error, t("It was not restored"));
      void client.invalidateQueries({ queryKey: keys.orchestrators.one(found.id) });
    } finally {
      setAsked(null);
    }
  };
  return {
    ask: (revision) => {
      if (dirty(control.store.getState())) setAsked(revision);
      else void restore(revision);
    },
    pending: put.isPending,
    dialog: (
      <ConfirmDialog
        open={asked !== null}
        onOpenChange={(open) => !open && setAsked(null)}
        title={t("Restore revision {asked}?", { asked: asked ?? "" })}
        action={t("Restore, dropping my changes")}
        pending={put.isPending}
        onConfirm={() => asked !== null && void restore(asked)}
      >
        {t("What you have drawn and not saved is dropped. Every saved revision stays.")}
      </ConfirmDialog>
    ),
  };
}
