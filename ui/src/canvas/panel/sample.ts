import type { SampleFrom } from "@/api/queries";
import type { Graph, JsonObject, Sample } from "@/api/types";
import { type MapTarget, type Schema, skeleton, targetsOf } from "@/forms";
import { type Drawing, decoration, type Step } from "../graph";
import { pinned } from "../testing/pins";

type Imported = { inputs?: Schema | null; outputs?: Schema | null };

/** What was learnt of a remote workflow when it was put into the drawing. */
export function importedOf(step: Step): Imported {
  const found = (step.data as { imported?: unknown }).imported;
  return typeof found === "object" && found !== null ? (found as Imported) : {};
}

/** The nodes whose wires lead to `id`, in drawing order. */
export function before(drawing: Drawing, id: string): Step[] {
  const sources = new Set(drawing.edges.filter((edge) => edge.target === id).map((edge) => edge.source));
  return drawing.nodes.filter((node) => sources.has(node.id) && !decoration(node));
}

export function after(drawing: Drawing, id: string): Step[] {
  const targets = new Set(drawing.edges.filter((edge) => edge.source === id).map((edge) => edge.target));
  return drawing.nodes.filter((node) => targets.has(node.id) && !decoration(node));
}

/** The part of a drawing that a sample depends on: settings of nodes are none of it, so typing asks for nothing. What is not
 * drawn, of `base`, goes along where the sample is made from it. */
export function bare(drawing: Drawing, base?: Graph, source: SampleFrom["source"] = "auto"): Graph {
  const described = source === "schema";
  return {
    version: 1,
    ...(described && base?.inputSchema && { inputSchema: base.inputSchema }),
    ...(source === "example" && base?.examples && { examples: base.examples }),
    nodes: drawing.nodes
      .filter((node) => !decoration(node))
      .map((node) => {
        const data = node.data as { pinned?: unknown; config?: JsonObject };
        const join = data.config?.join;
        return {
          id: node.id,
          type: node.type,
          data: {
            config: join === undefined ? {} : { join },
            ...(pinned(node) && { pinned: data.pinned }),
            ...(described && { imported: { outputs: importedOf(node).outputs ?? null } }),
          },
        };
      }),
    edges: drawing.edges.map(({ id, source, target, sourceHandle }) => ({
      id,
      source,
      target,
      sourceHandle,
    })),
  };
}

/** The sample's context, and types where an output is missing but its platform said what it will hold. */
export function completed(sample: Sample, drawing: Drawing, id: string): JsonObject {
  const nodes: JsonObject = { ...(sample.context.nodes as JsonObject) };
  const hinted = new Map<string, unknown>();
  for (const missing of sample.missing) {
    const step = drawing.nodes.find((node) => node.id === missing);
    const outputs = step && importedOf(step).outputs;
    if (!outputs) continue;
    const shape = skeleton(outputs);
    hinted.set(missing, shape);
    nodes[missing] = { output: shape };
  }
  if (hinted.size === 0) return sample.context;
  const near = before(drawing, id);
  const only = near.length === 1 ? near[0] : undefined;
  const data = only && hinted.has(only.id) ? hinted.get(only.id) : sample.context.data;
  return { ...sample.context, data, nodes };
}

/** The fields that the steps after this one take. */
export function targetsAfter(drawing: Drawing, id: string): MapTarget[] {
  const found = new Map<string, MapTarget>();
  for (const step of after(drawing, id))
    for (const target of targetsOf(importedOf(step).inputs)) found.set(target.path, target);
  return [...found.values()];
}
