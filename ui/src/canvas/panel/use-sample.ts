import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { runQuery, type SampleFrom, sampleQuery } from "@/api/queries";
import { type FormSample, InsertPlaces, useSettled } from "@/forms";
import { usePersistent } from "@/lib/persist";
import type { Step } from "../graph";
import { useFlow, useFlowControl } from "../store";
import { useSurroundings } from "../surroundings";
import { bare, completed, targetsAfter } from "./sample";

const AUTO: SampleFrom = { source: "auto" };

/** What the step would be given, asked anew when wires, pins, the run on show or the source change. The source is kept for the
 * drawing, in this browser. */
export function useSample(step: Step) {
  const { id, runId } = useSurroundings();
  const control = useFlowControl();
  const nodes = useFlow((flow) => flow.nodes);
  const edges = useFlow((flow) => flow.edges);
  const { data: status } = useQuery({
    ...runQuery(runId ?? ""),
    enabled: false,
    select: (run) => run.status,
  });
  const base = useFlow((flow) => flow.base);
  const [kept, setFrom] = usePersistent<SampleFrom>(`sample-from:${id}`, AUTO);
  // An example that is gone is no source any more.
  const gone = kept.source === "example" && !base.examples?.some((each) => each.name === kept.example);
  const from = gone ? AUTO : kept;
  const drawn = useMemo(
    () => JSON.stringify([bare({ nodes, edges }, base, from.source), from]),
    [nodes, edges, base, from],
  );
  const shape = useSettled(`${drawn} ${runId ?? ""} ${status ?? ""}`, 200);
  const definition = () => bare(control.store.getState(), control.store.getState().base, from.source);
  const query = useQuery(sampleQuery(id, step.id, shape, definition, from));
  const places = useMemo(() => new InsertPlaces(), []);
  const { data, dataUpdatedAt, isError } = query;
  const targets = useMemo(() => targetsAfter({ nodes, edges }, step.id), [nodes, edges, step.id]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the drawing counts by what the sample depends on
  const scope = useMemo(() => data && completed(data, { nodes, edges }, step.id), [data, drawn, step.id]);
  const sample = useMemo<FormSample | null | undefined>(
    () =>
      data
        ? {
            context: data.context,
            key: `${step.id} ${dataUpdatedAt}`,
            whole: data.missing.length === 0 && data.from !== null,
          }
        : isError
          ? null
          : undefined,
    [data, dataUpdatedAt, isError, step.id],
  );
  const surroundings = useMemo(() => ({ sample, scope, targets, places }), [sample, scope, targets, places]);
  return { query, surroundings, from, setFrom };
}
