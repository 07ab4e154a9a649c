import { useQuery } from "@tanstack/react-query";
import { useBlocker } from "@tanstack/react-router";
import { ReactFlowProvider } from "@xyflow/react";
import { useCallback, useEffect, useMemo, useState } from "react";
import { ended, runQuery, useMay } from "@/api/queries";
import type { Kind, OrchestratorDetail, RunDetail } from "@/api/types";
import { t } from "@/lib/text";
import type { LogPlace } from "@/log";
import { ConfirmDialog, fetchLater, SkeletonRows, useDocumentTitle, useIdle } from "@/ui";
import { Editor } from "./editor";
import { Comparison, ConflictDialog, Live, PastRevision, Replay } from "./later";
import { createFlow, dirty, FlowContext, useFlow, useFlowControl } from "./store";
import { useDraft } from "./use-draft";
import { useSave } from "./use-save";

/** What of the canvas stands in the address. `revision`: an earlier save is shown. `compare`: it with the newest ("current"), the
 * newest with what is drawn here ("mine"), or the published one with it ("published"). In the panel of comments, `threads` lists the "resolved"
 * ones, `mine` one's own, `about` those of a node, and `thread` is on show. */
export type Place = {
  node?: string;
  panel?: string;
  drawer?: string;
  run?: string;
  revision?: number;
  compare?: string;
  threads?: string;
  mine?: boolean;
  about?: string;
  thread?: string;
} & LogPlace;

type Props = {
  found: OrchestratorDetail;
  kinds: readonly Kind[];
  place: Place;
  onPlace: (place: Place) => void;
  onCopied: (id: string) => void;
};

/** An orchestrator's drawing with everything around it. Give it the orchestrator's id as `key`. */
export function CanvasEditor(props: Props) {
  const [control] = useState(() => createFlow(props.found));
  useEffect(fetchLater, []);
  return (
    <FlowContext.Provider value={control}>
      <Frame {...props} />
    </FlowContext.Provider>
  );
}

/** The open drawing lives here, so that it outlasts a look at an earlier one. */
function Frame({ found, kinds: list, place, onPlace, onCopied }: Props) {
  const control = useFlowControl();
  const editable = useMay("editor");
  const kinds = useMemo(() => new Map(list.map((kind) => [kind.type, kind])), [list]);
  const saving = useSave(found.id, onCopied);
  const draft = useDraft(found.id, editable);
  const revision = useFlow((flow) => flow.revision);
  const name = useFlow((flow) => flow.name);
  const past = usePastRun(place.run);
  const idle = useIdle();
  useDocumentTitle(name);
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) =>
      current.pathname !== next.pathname && dirty(control.store.getState()),
    enableBeforeUnload: () => dirty(control.store.getState()),
    withResolver: true,
  });
  const shared = { found, kinds, place, onPlace };

  return (
    <>
      {idle && <Live id={found.id} />}
      {place.compare === "mine" ||
      (place.compare === "published" && found.publishedRevision !== null) ||
      (place.compare !== undefined && place.revision !== undefined) ? (
        <Comparison {...shared} saving={saving} />
      ) : place.revision !== undefined && place.revision !== found.revision ? (
        <PastRevision key={place.revision} {...shared} revision={place.revision} />
      ) : past.run ? (
        <Replay key={past.run.id} {...shared} run={past.run} />
      ) : past.pending ? (
        <SkeletonRows />
      ) : (
        <ReactFlowProvider>
          <Editor {...shared} saving={saving} draft={draft} onReplay={past.replay} onWatch={past.watch} />
        </ReactFlowProvider>
      )}
      {saving.conflict && (
        <ConflictDialog
          pending={saving.pending}
          onClose={saving.dismiss}
          onCompare={() => {
            saving.dismiss();
            onPlace({ ...place, compare: "mine", revision: undefined });
          }}
          onReload={() => void saving.reload()}
          onOverwrite={() => void saving.save(true)}
          onCopy={() => void saving.copy()}
        />
      )}
      <ConfirmDialog
        open={blocker.status === "blocked"}
        onOpenChange={(open) => !open && blocker.reset?.()}
        title={t("Leave without saving?")}
        action={t("Leave without saving")}
        onConfirm={() => blocker.proceed?.()}
      >
        {t(
          "What you have drawn since revision {revision} is not saved. It stays in this browser, and is offered to you when you come back.",
          { revision },
        )}
      </ConfirmDialog>
    </>
  );
}

/** The run to replay: one that had ended before it came on screen. A run that was seen under way, started here or asked for here
 * stays over the drawing. */
function usePastRun(id: string | undefined) {
  const [seen, setSeen] = useState<ReadonlySet<string>>(NONE);
  const watch = useCallback((run: string) => setSeen((before) => new Set(before).add(run)), []);
  const query = useQuery({ ...runQuery(id ?? ""), enabled: id !== undefined });
  const run: RunDetail | undefined = id === undefined ? undefined : query.data;
  const over = run !== undefined && ended(run.status);
  if (run && !over && !seen.has(run.id)) watch(run.id);
  return {
    run: over && !seen.has(run.id) ? run : null,
    pending: id !== undefined && !seen.has(id) && run === undefined && !query.error,
    replay: () => setSeen(NONE),
    watch,
  };
}

const NONE: ReadonlySet<string> = new Set();
