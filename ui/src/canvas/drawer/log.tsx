import { useMemo } from "react";
import type { LogLine, RunDetail } from "@/api/types";
import { t } from "@/lib/text";
import { LogPane } from "@/log";
import type { Place } from "../frame";
import { labelOf } from "../graph";
import { useFlow } from "../store";

type Props = {
  /** The run on show; null where there is none. */
  run: RunDetail | null;
  lines: readonly LogLine[];
  place: Place;
  onPlace: (place: Place) => void;
};

/** The lines of the run on show, up to the time on show. A step's name leads to it on the canvas. */
export function LogTab({ run, lines, place, onPlace }: Props) {
  const nodes = useFlow((flow) => flow.nodes);
  const names = useMemo(() => new Map(nodes.map((node) => [node.id, labelOf(node)])), [nodes]);
  if (lines.length === 0 || !run) {
    return (
      <p className="p-4 text-muted text-sm">
        {place.run === undefined
          ? t("No run is on show. Press Run, or open one from its history.")
          : t("Nothing has been written yet.")}
      </p>
    );
  }
  return (
    <LogPane
      label={t("Log lines")}
      lines={lines}
      runId={run.id}
      file={`run-${run.number}`}
      begin={run.startedAt}
      place={place}
      onPlace={(change) => onPlace({ ...place, ...change })}
      steps={{ names, onStep: (node) => onPlace({ ...place, node }) }}
    />
  );
}
