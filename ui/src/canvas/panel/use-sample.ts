import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { runQuery, sampleQuery } from "@/api/queries";
import { type FormSample, InsertPlaces, useSettled } from "@/forms";
import type { Step } from "../graph";
import { useFlow, useFlowControl } from "../store";
import { useSurroundings } from "../surroundings";
import { bare, completed, targetsAfter } from "./sample";

/** What the step would be given, asked anew when wires, pins or the run on show change. */
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
  const drawn = useMemo(() => JSON.stringify(bare({ nodes, edges })), [nodes, edges]);
  const shape = useSettled(`${drawn} ${runId ?? ""} ${status ?? ""}`, 200);
  const query = useQuery(sampleQuery(id, step.id, shape, () => bare(control.store.getState())));
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
  return { query, surroundings };
}
