import { useEffect, useMemo, useRef, useState } from "react";
import { useRunLines } from "@/api/events";
import { useMay } from "@/api/queries";
import type { LogLine, OrchestratorDetail } from "@/api/types";
import { usePersistent } from "@/lib/persist";
import { keyOf, type ShortcutId } from "@/lib/shortcuts";
import { t } from "@/lib/text";
import { useCommands } from "@/shell/commands";
import { DraftBar } from "./draft-bar";
import { Drawer } from "./drawer/drawer";
import { DrawingView } from "./drawing";
import { EmptyCanvas } from "./empty";
import { focusField } from "./focus-field";
import type { Place } from "./frame";
import type { Kinds } from "./graph";
import { Header } from "./header";
import { useCanvasKeys } from "./keys";
import {
  AddPanel,
  CommentsPanel,
  NodePanel,
  Outline,
  PublishDialog,
  RemotePanel,
  RunDialog,
  SavedLine,
  VersionsSide,
} from "./later";
import { PublishedBadge } from "./published";
import { Rail } from "./rail";
import { NewestRun } from "./replay/newest";
import { RunBar } from "./run-bar";
import { dirty, useFlow, useFlowControl } from "./store";
import { BARE, SurroundingsProvider, type Wanted } from "./surroundings";
import { TestingProvider, useTestActions } from "./testing";
import { useDiscussed, useNewest } from "./together/news";
import type { useDraft } from "./use-draft";
import { useEditing } from "./use-editing";
import { useProblems } from "./use-problems";
import type { Saving } from "./use-save";
import { useSince } from "./versions/use-since";

type Props = {
  found: OrchestratorDetail;
  kinds: Kinds;
  place: Place;
  onPlace: (place: Place) => void;
  saving: Saving;
  draft: ReturnType<typeof useDraft>;
  /** From the run over the drawing to its replay. */
  onReplay: () => void;
  /** The run was started here, or is under way. */
  onWatch: (run: string) => void;
};

/** The newest drawing, to be changed and run. */
export function Editor(props: Props) {
  const { found, kinds, place } = props;
  const control = useFlowControl();
  const editable = useMay("editor");
  const [follow, setFollow] = usePersistent("canvas:follow", true);
  const [wanted, setWanted] = useState<Wanted | null>(null);
  const revision = useFlow((flow) => flow.revision);
  const changed = useFlow(dirty);
  const problems = useProblems();
  const marks = useSince(found.id, place.run);

  // Saved by somebody else while nothing here was changed: show theirs.
  useEffect(() => {
    if (found.revision > revision && !changed) control.reopen(found);
  }, [control, found, revision, changed]);

  const latest = useRef(props);
  latest.current = props;
  const surroundings = useMemo(
    () => ({
      ...BARE,
      id: found.id,
      kinds,
      runId: place.run ?? null,
      problems,
      editable,
      follow,
      wanted,
      marks,
      onComments: (at: { about?: string; thread?: string }) => {
        const { place, onPlace } = latest.current;
        onPlace({ ...place, panel: "comments", about: at.about, thread: at.thread });
      },
    }),
    [found.id, kinds, place.run, problems, editable, follow, wanted, marks],
  );
  const testing = useMemo(
    () => ({
      save: () => (editable ? latest.current.saving.save() : Promise.resolve(true)),
      onStarted: (run: string) => {
        latest.current.onWatch(run);
        latest.current.onPlace({ ...latest.current.place, run });
      },
    }),
    [editable],
  );
  return (
    <SurroundingsProvider value={surroundings}>
      <TestingProvider value={testing}>
        <Bench {...props} editable={editable} onFollow={setFollow} onWanted={setWanted} {...testing} />
      </TestingProvider>
    </SurroundingsProvider>
  );
}

type BenchProps = Props & {
  editable: boolean;
  onFollow: (follow: boolean) => void;
  onWanted: (wanted: Wanted) => void;
  save: () => Promise<boolean>;
  onStarted: (run: string) => void;
};

function Bench({ found, place, onPlace, saving, draft, onReplay, ...rest }: BenchProps) {
  const { editable, onFollow, onWanted, save, onStarted } = rest;
  const control = useFlowControl();
  const starts = useMay("operator");
  const [running, setRunning] = useState(false);
  const [publishing, setPublishing] = useState(false);
  const changed = useFlow(dirty);
  const revision = useFlow((flow) => flow.revision);
  const publish =
    editable && (changed || revision !== found.publishedRevision) ? () => setPublishing(true) : undefined;
  const step = useFlow((flow) => flow.nodes.find((node) => node.id === place.node));
  const empty = useFlow((flow) => flow.nodes.length === 0);
  const lines = useRunLines(place.run ?? null);
  const toggle = (panel: string) =>
    onPlace({
      ...place,
      panel: place.panel === panel ? undefined : panel,
      about: undefined,
      thread: undefined,
    });
  const threads = useDiscussed(found.id)?.open ?? 0;
  const newest = useNewest(found.id);
  const tests = useTestActions(place.node);
  const { actions, goTo, add, entered, dialogs } = useEditing({
    place,
    onPlace,
    editable,
    more: {
      ...(editable && { save: () => void saving.save() }),
      ...(starts && { run: () => setRunning(true) }),
      ...(publish && { publish }),
      comment: () => {
        onPlace({ ...place, panel: "comments", thread: undefined });
        document.querySelector<HTMLElement>("[data-panel=canvas-comments] textarea")?.focus();
      },
      ...tests,
    },
  });
  useCanvasKeys(actions);
  const command = (id: ShortcutId | "versions", label: string, run: (() => void) | undefined) =>
    run
      ? [{ id: `canvas.${id}`, label, group: t("Canvas"), shortcut: id === "versions" ? "" : keyOf(id), run }]
      : [];
  useCommands([
    ...command("run", t("Run this orchestrator"), actions.run),
    ...command("publish", t("Publish this orchestrator"), actions.publish),
    ...command("save", t("Save"), actions.save),
    ...command("add", t("Add a node"), actions.add),
    ...command("tidy", t("Tidy up"), actions.tidy),
    ...command("comment", t("Comments"), actions.comment),
    ...command("versions", t("Versions"), () => toggle("versions")),
  ]);
  const open = (nodeId: string, field: string | null) => {
    goTo(nodeId);
    if (field === null) return;
    onWanted({ nodeId, field });
    focusField(field);
  };
  const closeSide = () => onPlace({ ...place, panel: undefined });

  return (
    <>
      <div className="flex h-full min-h-0 flex-col">
        <Header
          savedAt={found.updatedDate}
          justSaved={saving.saved}
          problemsShown={place.drawer === "problems"}
          onProblems={() =>
            onPlace({ ...place, drawer: place.drawer === "problems" ? undefined : "problems" })
          }
          onSave={() => void saving.save()}
          saving={saving.pending}
          onRun={() => setRunning(true)}
          published={<PublishedBadge found={found} />}
          onPublish={publish}
        />
        {draft.offered && (
          <DraftBar
            draft={draft.offered}
            current={found.revision}
            onRestore={draft.restore}
            onDiscard={draft.discard}
          />
        )}
        {place.run && (
          <RunBar
            runId={place.run}
            onFollow={onFollow}
            onReplay={onReplay}
            onClose={() => onPlace({ ...place, run: undefined })}
          />
        )}
        {newest && newest.revision > revision && <SavedLine newest={newest} saving={saving} />}
        <NewestRun id={found.id} shown={place.run} onShow={onStarted} />
        <div className="relative flex min-h-0 flex-1">
          <Rail panel={place.panel} onPanel={toggle} editable={editable} threads={threads} />
          {place.panel === "add" && editable && (
            <AddPanel onClose={closeSide} onAdded={(id) => onPlace({ ...place, node: id })} />
          )}
          {place.panel === "remote" && editable && (
            <RemotePanel onClose={closeSide} onAdded={(id) => onPlace({ ...place, node: id })} />
          )}
          {place.panel === "outline" && <Outline onClose={closeSide} onOpen={goTo} onAdd={add} />}
          {place.panel === "comments" && <CommentsPanel place={place} onPlace={onPlace} />}
          {place.panel === "versions" && (
            <VersionsSide
              found={found}
              control={control}
              place={place}
              onPlace={onPlace}
              shown={found.revision}
            />
          )}
          <div className="relative min-w-0 flex-1">
            <DrawingView
              onOpen={(node) => onPlace({ ...place, node })}
              opened={place.node}
              onAdd={add}
              actions={actions}
            />
            {empty && (
              <EmptyCanvas
                editable={editable}
                onAdd={() => add(null)}
                onRemote={() => onPlace({ ...place, panel: "remote" })}
              />
            )}
          </div>
          {step && (
            <NodePanel
              key={step.id}
              step={step}
              entered={entered.id === step.id ? entered.count : 0}
              onClose={() => onPlace({ ...place, node: undefined })}
              onDelete={() => {
                control.select([step.id]);
                actions.remove?.();
              }}
            />
          )}
        </div>
        <Drawer place={place} onPlace={onPlace} lines={place.run ? lines : NO_LINES} onProblem={open} />
      </div>
      {running && (
        <RunDialog
          id={found.id}
          dirty={changed && editable}
          save={save}
          onClose={() => setRunning(false)}
          onStarted={(run) => {
            setRunning(false);
            onStarted(run);
          }}
        />
      )}
      {publishing && (
        <PublishDialog
          found={found}
          definition={control.definition()}
          revision={changed ? null : revision}
          save={async () => ((await save()) ? control.store.getState().revision : null)}
          onProblem={(nodeId, field) => {
            setPublishing(false);
            open(nodeId, field);
          }}
          onCompare={() => onPlace({ ...place, compare: "published", revision: undefined })}
          onClose={() => setPublishing(false)}
        />
      )}
      {dialogs}
    </>
  );
}

const NO_LINES: readonly LogLine[] = [];
