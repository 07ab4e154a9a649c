import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { problemOf, toastProblem } from "@/api/problem";
import { orchestratorQuery, useCreateOrchestrator, useSaveOrchestrator } from "@/api/queries";
import { t } from "@/lib/text";
import { dirty, useFlowControl } from "./store";

export type Saving = ReturnType<typeof useSave>;

/** Saving with If-Match, and the ways out of a conflict. */
export function useSave(id: string, onCopied: (id: string) => void) {
  const control = useFlowControl();
  const client = useQueryClient();
  const put = useSaveOrchestrator(id);
  const create = useCreateOrchestrator();
  const [conflict, setConflict] = useState(false);
  const [saved, setSaved] = useState(false);

  const save = async (overwrite = false): Promise<boolean> => {
    const flow = control.store.getState();
    if (!overwrite && !dirty(flow)) return true;
    const { nodes, edges, name, description } = flow;
    try {
      const made = await put.mutateAsync({
        name: name.trim(),
        description,
        definition: control.definition(),
        revision: overwrite ? undefined : flow.revision,
      });
      control.keep(made.revision, { nodes, edges, name, description });
      setSaved(true);
      setConflict(false);
      return true;
    } catch (error) {
      if (problemOf(error).status === 412) {
        setConflict(true);
        void client.invalidateQueries({ queryKey: orchestratorQuery(id).queryKey, exact: true });
      } else toastProblem(error, t("It was not saved"));
      return false;
    }
  };
  const reload = async () => {
    try {
      control.reopen(await client.fetchQuery({ ...orchestratorQuery(id), staleTime: 0 }));
      setConflict(false);
      return true;
    } catch (error) {
      toastProblem(error, t("It was not loaded again"));
      return false;
    }
  };
  const copy = async () => {
    const { name, description } = control.store.getState();
    try {
      const definition = control.definition();
      const made = await create.mutateAsync({ name: t("{name} (copy)", { name }), description, definition });
      if (await reload()) onCopied(made.id);
    } catch (error) {
      toastProblem(error, t("The copy was not made"));
    }
  };
  return {
    save,
    reload,
    copy,
    conflict,
    /** Whether it has been saved here since it was opened. */
    saved,
    dismiss: () => setConflict(false),
    /** Open the ways out of a conflict that is known before saving. */
    ask: () => {
      setConflict(true);
      void client.invalidateQueries({ queryKey: orchestratorQuery(id).queryKey, exact: true });
    },
    pending: put.isPending || create.isPending,
  };
}
