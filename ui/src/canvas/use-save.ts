import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { problemOf, toastProblem } from "@/api/problem";
import { orchestratorQuery, useCreateOrchestrator, useSaveOrchestrator } from "@/api/queries";
import { dirty, useFlowControl } from "./store";

/** Saving with If-Match, and the ways out of a conflict. */
export function useSave(id: string, onCopied: (id: string) => void) {
  const control = useFlowControl();
  const client = useQueryClient();
  const put = useSaveOrchestrator(id);
  const create = useCreateOrchestrator();
  const [conflict, setConflict] = useState(false);

  const save = async (overwrite = false): Promise<boolean> => {
    const flow = control.store.getState();
    if (!overwrite && !dirty(flow)) return true;
    const sent = { nodes: flow.nodes, edges: flow.edges, name: flow.name };
    try {
      const saved = await put.mutateAsync({
        name: flow.name.trim(),
        definition: control.definition(),
        revision: overwrite ? undefined : flow.revision,
      });
      control.keep(saved.revision, sent);
      setConflict(false);
      return true;
    } catch (error) {
      if (problemOf(error).status === 412) setConflict(true);
      else toastProblem(error, "It was not saved");
      return false;
    }
  };
  const reload = async () => {
    try {
      control.reopen(await client.fetchQuery({ ...orchestratorQuery(id), staleTime: 0 }));
      setConflict(false);
    } catch (error) {
      toastProblem(error, "It was not loaded again");
    }
  };
  const copy = async () => {
    const { name } = control.store.getState();
    try {
      const made = await create.mutateAsync({ name: `${name} (copy)`, definition: control.definition() });
      await reload();
      onCopied(made.id);
    } catch (error) {
      toastProblem(error, "The copy was not made");
    }
  };
  return {
    save,
    reload,
    copy,
    conflict,
    dismiss: () => setConflict(false),
    pending: put.isPending || create.isPending,
  };
}
