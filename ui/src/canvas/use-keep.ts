import { problemOf, toastProblem } from "@/api/problem";
import { useSaveOrchestrator } from "@/api/queries";
import type { Graph, OrchestratorDetail } from "@/api/types";
import { t } from "@/lib/text";
import { useFlowControl } from "./store";

/** Puts something that is not drawn (the fields of the input, examples) into the definition, at once and as a revision of its own.
 *
 * `save` saves what is drawn first. What did not work has been said; then null. */
export function useKeep(id: string, save: () => Promise<boolean>) {
  const control = useFlowControl();
  const put = useSaveOrchestrator(id);
  const keep = async (
    change: (definition: Graph) => Graph,
    failed: string,
  ): Promise<OrchestratorDetail | null> => {
    if (!(await save())) return null;
    const { nodes, edges, name, description, revision } = control.store.getState();
    const definition = change(control.definition());
    try {
      const saved = await put.mutateAsync({ name: name.trim(), description, definition, revision });
      control.store.setState({ base: saved.definition });
      control.keep(saved.revision, { nodes, edges, name, description });
      return saved;
    } catch (error) {
      if (problemOf(error).status === 412)
        toastProblem(error, t("Somebody else saved meanwhile. {failed}", { failed }));
      else toastProblem(error, failed);
      return null;
    }
  };
  return { keep, pending: put.isPending };
}
