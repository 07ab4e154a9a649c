import { useEffect, useMemo, useRef, useState } from "react";
import { useRunLines } from "@/api/events";
import { useMay } from "@/api/queries";
import type { LogLine, OrchestratorDetail } from "@/api/types";
import { usePersistent } from "@/lib/persist";
import { useCommands } from "@/shell/commands";
import { AddPanel } from "./add-panel";
import { DraftBar } from "./draft-bar";
import { Drawer } from "./drawer/drawer";
import { DrawingView } from "./drawing";
import { EmptyCanvas } from "./empty";
import { focusField } from "./focus-field";
import type { Place } from "./frame";
import type { Kinds } from "./graph";
import { Header } from "./header";
import { useCanvasKeys } from "./keys";
import { NodePanel, Outline, RemotePanel, RunDialog, VersionsSide } from "./later";
import { Rail } from "./rail";
import { NewestRun } from "./replay/newest";
import { RunBar } from "./run-bar";
import { dirty, useFlow, useFlowControl } from "./store";
import { BARE, SurroundingsProvider, type Wanted } from "./surroundings";
import { TestingProvider, useTestActions } from "./testing";
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
    }),
    [found.id, kinds, place.run, problems, editable, follow, wanted, marks],
  );
  const latest = useRef(props);
  latest.current = props;
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
  const changed = useFlow(dirty);
  const step = useFlow((flow) => flow.nodes.find((node) => node.id === place.node));
  const empty = useFlow((flow) => flow.nodes.length === 0);
  const lines = useRunLines(place.run ?? null);
  const toggle = (panel: string) => onPlace({ ...place, panel: place.panel === panel ? undefined : panel });
  const tests = useTestActions(place.node);
  const { actions, goTo, add, entered, dialogs } = useEditing({
    place,
    onPlace,
    editable,
    more: {
      ...(editable && { save: () => void saving.save() }),
      ...(starts && { run: () => setRunning(true) }),
      ...tests,
    },
  });
  useCanvasKeys(actions);
  const command = (id: string, label: string, shortcut: string, run: (() => void) | undefined) =>
    run ? [{ id: `canvas.${id}`, label, group: "Canvas", shortcut, run }] : [];
  useCommands([
    ...command("run", "Run this orchestrator", "mod+enter", actions.run),
    ...command("save", "Save", "mod+s", actions.save),
    ...command("add", "Add a node", "n", actions.add),
    ...command("tidy", "Tidy up", "shift+t", actions.tidy),
    ...command("versions", "Versions", "", () => toggle("versions")),
  ]);
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
        <NewestRun id={found.id} shown={place.run} onShow={onStarted} />
        <div className="relative flex min-h-0 flex-1">
          <Rail panel={place.panel} onPanel={toggle} editable={editable} />
          {place.panel === "add" && editable && (
            <AddPanel onClose={closeSide} onAdded={(id) => onPlace({ ...place, node: id })} />
          )}
          {place.panel === "remote" && editable && (
            <RemotePanel onClose={closeSide} onAdded={(id) => onPlace({ ...place, node: id })} />
          )}
          {place.panel === "outline" && <Outline onClose={closeSide} onOpen={goTo} onAdd={add} />}
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
        <Drawer
          place={place}
          onPlace={onPlace}
          lines={place.run ? lines : NO_LINES}
          onProblem={(nodeId, field) => {
            goTo(nodeId);
            if (field === null) return;
            onWanted({ nodeId, field });
            focusField(field);
          }}
        />
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
      {dialogs}
    </>
  );
}

const NO_LINES: readonly LogLine[] = [];
