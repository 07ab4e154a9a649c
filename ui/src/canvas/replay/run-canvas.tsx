import { useQuery } from "@tanstack/react-query";
import { useNodesInitialized } from "@xyflow/react";
import { useEffect, useMemo, useRef } from "react";
import { ended, kindsQuery, orchestratorQuery, revisionQuery } from "@/api/queries";
import type { Graph, Kind, LogLine, OrchestratorDetail, RunDetail } from "@/api/types";
import { t } from "@/lib/text";
import { Loaded } from "@/ui";
import { useFlowControl } from "../store";
import { useShow } from "../use-show";
import { Viewer } from "../viewer";
import { frozen, stateAt } from "./at";
import { Scrubber } from "./scrubber";
import { useTime } from "./use-time";

type Props = {
  run: RunDetail;
  lines: readonly LogLine[];
  /** Whether more of its lines are on their way. */
  loading: boolean;
  selected: string | null;
  onSelect: (id: string) => void;
  onClose: () => void;
};

/** A run on the drawing it ran, as a part of another screen: as it goes, and played again once it is over. */
export function RunCanvas(props: Props) {
  const { run } = props;
  const found = useQuery(orchestratorQuery(run.orchestratorId));
  const kinds = useQuery(kindsQuery);
  const revision = useQuery(revisionQuery(run.orchestratorId, run.revision));
  return (
    <Loaded query={found} compact title={t("The orchestrator cannot be shown")}>
      {(orchestrator) => (
        <Loaded query={kinds} compact title={t("The kinds of nodes cannot be shown")}>
          {(list) => (
            <Loaded
              query={revision}
              compact
              title={t("Revision {revision} cannot be shown", { revision: run.revision })}
            >
              {({ definition }) => (
                <Drawn key={run.id} {...props} found={orchestrator} list={list} definition={definition} />
              )}
            </Loaded>
          )}
        </Loaded>
      )}
    </Loaded>
  );
}

type DrawnProps = Props & { found: OrchestratorDetail; list: readonly Kind[]; definition: Graph };

function Drawn({ run, lines, loading, selected, onSelect, onClose, found, list, definition }: DrawnProps) {
  const kinds = useMemo(() => new Map(list.map((kind) => [kind.type, kind])), [list]);
  // Where the drawing was looked at when it was saved was another, larger window.
  const drawn = useMemo((): Graph => ({ ...definition, viewport: undefined }), [definition]);
  const time = useTime(run, lines);
  const over = ended(run.status);
  const at = useMemo(
    () => (!over || time.now >= time.end ? run : frozen(stateAt(run, lines, time.now), time.now)),
    [run, lines, over, time.now, time.end],
  );
  return (
    <Viewer
      found={found}
      kinds={kinds}
      place={selected === null ? {} : { node: selected }}
      onPlace={(next) => {
        if (next.node === undefined) onClose();
        else if (next.node !== selected) onSelect(next.node);
      }}
      definition={drawn}
      run={{ id: run.id, at }}
      banner={null}
      plain
    >
      {over && <Scrubber time={time} run={run} lines={lines} loading={loading} />}
      <Chosen id={selected} />
    </Viewer>
  );
}

/** What is selected beside the drawing is selected in it, and in view when it opens. */
function Chosen({ id }: { id: string | null }) {
  const control = useFlowControl();
  const show = useShow();
  const ready = useNodesInitialized();
  const begun = useRef(false);
  useEffect(() => control.select(id === null ? [] : [id]), [control, id]);
  useEffect(() => {
    if (!ready || begun.current) return;
    begun.current = true;
    if (id === null) return;
    window.requestAnimationFrame(() => show(id, { focus: false }));
  }, [ready, id, show]);
  return null;
}
