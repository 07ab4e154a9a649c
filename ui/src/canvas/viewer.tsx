import { ReactFlowProvider } from "@xyflow/react";
import { type ReactNode, useState } from "react";
import type { Graph, OrchestratorDetail, RunDetail } from "@/api/types";
import { cn } from "@/lib/cn";
import { DrawingView } from "./drawing";
import type { Place } from "./frame";
import type { Kinds } from "./graph";
import { useCanvasKeys } from "./keys";
import { NodePanel, Outline, VersionsSide } from "./later";
import { Rail } from "./rail";
import { createFlow, FlowContext, type FlowControl, useFlow } from "./store";
import { BARE, type Marked, SurroundingsProvider } from "./surroundings";
import { useEditing } from "./use-editing";
import type { Mark } from "./versions/diff";

type Props = {
  found: OrchestratorDetail;
  kinds: Kinds;
  place: Place;
  onPlace: (place: Place) => void;
  definition: Graph;
  run?: { id: string; at: RunDetail };
  marks?: ReadonlyMap<string, Marked>;
  wireMarks?: ReadonlyMap<string, Mark>;
  /** Over the drawing: what it is, and what can be done. */
  banner: ReactNode;
  /** The panel at the left, when it is none of ours. */
  side?: ReactNode;
  /** The number of the revision that is drawn, and the drawing that a version is restored into: with the list of versions. */
  versions?: { shown: number; control: FlowControl };
  /** Under the drawing. */
  children?: ReactNode;
  /** The drawing has no panel for its nodes. */
  plain?: boolean;
};

/** A drawing to look at, with its own layout: an earlier revision, a past run, a comparison. */
export function Viewer(props: Props) {
  const { found, definition } = props;
  const [control] = useState(() => createFlow({ ...found, definition }));
  return (
    <FlowContext.Provider value={control}>
      <ReactFlowProvider>
        <Body {...props} />
      </ReactFlowProvider>
    </FlowContext.Provider>
  );
}

const NO_MARKS: ReadonlyMap<string, Marked> = new Map();
const NO_WIRES: ReadonlyMap<string, Mark> = new Map();

function Body(props: Props) {
  const { found, kinds, run, marks, wireMarks } = props;
  const surroundings = {
    ...BARE,
    id: found.id,
    kinds,
    runId: run?.id ?? null,
    replayed: run?.at ?? null,
    marks: marks ?? NO_MARKS,
    wireMarks: wireMarks ?? NO_WIRES,
  };
  return (
    <SurroundingsProvider value={surroundings}>
      <Screen {...props} />
    </SurroundingsProvider>
  );
}

function Screen({ place, onPlace, banner, found, run, side, versions, children, plain }: Props) {
  const step = useFlow((flow) => flow.nodes.find((node) => node.id === place.node));
  const { actions, goTo, entered, dialogs } = useEditing({ place, onPlace, editable: false });
  useCanvasKeys(actions);
  return (
    <div className="flex h-full min-h-0 flex-col">
      {banner}
      <div className={cn("relative flex min-h-0 flex-1", plain && "max-md:flex-col-reverse")}>
        {!plain && (
          <Rail
            editable={false}
            panel={place.panel}
            onPanel={(panel) => onPlace({ ...place, panel: place.panel === panel ? undefined : panel })}
          />
        )}
        {place.panel === "outline" ? (
          <Outline onClose={() => onPlace({ ...place, panel: undefined })} onOpen={goTo} />
        ) : place.panel === "versions" && versions ? (
          <VersionsSide found={found} place={place} onPlace={onPlace} {...versions} />
        ) : (
          side
        )}
        <div className="relative min-h-0 min-w-0 flex-1">
          <DrawingView
            onOpen={(node) => onPlace({ ...place, node })}
            opened={plain && run ? place.node : undefined}
          />
        </div>
        {step && !plain && (
          <NodePanel
            key={step.id}
            step={step}
            entered={entered.id === step.id ? entered.count : 0}
            onClose={() => onPlace({ ...place, node: undefined })}
            onDelete={() => {}}
          />
        )}
      </div>
      {children}
      {dialogs}
    </div>
  );
}
