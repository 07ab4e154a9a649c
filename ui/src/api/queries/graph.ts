import { api, data } from "../client";
import type { Graph, Schemas } from "../types";

/** What a node depends on and what depends on it, as the engine sees it. */
export function dependencies(definition: Graph, nodeId: string): Promise<Schemas["GraphShape"]> {
  return data(api.POST("/api/v1/orchestrator/graph", { body: { definition, nodeId } }));
}
