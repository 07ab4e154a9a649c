import { useEffect, useState } from "react";
import type { Graph } from "@/api/types";
import { forget, keep, stored } from "@/lib/persist";
import { t } from "@/lib/text";
import { opened } from "./graph";
import { dirty, type FlowControl, useFlowControl } from "./store";
import { diff, same } from "./versions/diff";

/** What somebody drew and did not save: kept in this browser. `revision` is the one it was drawn over. */
export type Draft = { at: string; revision: number; name: string; description: string; definition: Graph };

/** Keeps what is drawn in the browser while it is not saved, and offers on opening what was left there. */
export function useDraft(id: string, editable: boolean) {
  const control = useFlowControl();
  const key = `draft:${id}`;
  const [offered, setOffered] = useState<Draft | null>(() => left(key, control));
  const waits = offered !== null;
  useEffect(() => {
    if (!editable) return;
    let timer = 0;
    const write = () => {
      window.clearTimeout(timer);
      timer = 0;
      const flow = control.store.getState();
      if (dirty(flow)) {
        const { revision, name, description } = flow;
        const at = new Date().toISOString();
        keep(key, { at, revision, name, description, definition: control.definition() } satisfies Draft);
      } else if (!waits) forget(key);
    };
    const changed = control.store.subscribe((now, before) => {
      const drawn = now.nodes !== before.nodes || now.edges !== before.edges || now.saved !== before.saved;
      if (!drawn && now.name === before.name && now.description === before.description) return;
      if (timer === 0) timer = window.setTimeout(write, 500);
    });
    const leaving = () => timer !== 0 && write();
    window.addEventListener("pagehide", leaving);
    return () => {
      changed();
      window.removeEventListener("pagehide", leaving);
      leaving();
    };
  }, [control, key, editable, waits]);

  return {
    offered: editable ? offered : null,
    restore() {
      if (offered === null) return;
      const { nodes, edges } = opened(offered.definition);
      control.edit(t("Restore unsaved changes"), () => ({ nodes, edges }));
      control.rename(offered.name);
      control.describe(offered.description);
      // Saved over a revision that is newer than the one it was drawn over, it is a conflict like any other.
      control.store.setState({ revision: offered.revision });
      setOffered(null);
    },
    discard() {
      setOffered(null);
      if (!dirty(control.store.getState())) forget(key);
    },
  };
}

function left(key: string, control: FlowControl): Draft | null {
  const draft = stored<Draft | null>(key, null);
  if (!draft?.definition) return null;
  const flow = control.store.getState();
  const nothing =
    draft.name === flow.name &&
    draft.description === flow.description &&
    same(diff(control.definition(), draft.definition));
  if (!nothing) return draft;
  forget(key);
  return null;
}
