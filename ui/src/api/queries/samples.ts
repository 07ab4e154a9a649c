import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, data } from "../client";
import type { Graph, JsonObject, Schemas } from "../types";
import { keys } from "./keys";

export type SampleFrom = Pick<Schemas["SampleRequest"], "source" | "example">;

/** What a node of an unsaved drawing would be given. `shape` names what of the drawing it depends on, and where it is from. */
export function sampleQuery(
  orchestrator: string,
  node: string,
  shape: string,
  definition: () => Graph,
  from: SampleFrom = { source: "auto" },
) {
  return queryOptions({
    queryKey: keys.samples.one(orchestrator, node, shape),
    queryFn: ({ signal }) =>
      data(
        api.POST("/api/v1/orchestrator/{id}/sample", {
          params: { path: { id: orchestrator } },
          body: { nodeId: node, definition: definition(), ...from },
          signal,
        }),
      ),
    placeholderData: (before, query) =>
      query?.queryKey[2] === node && query.queryKey[1] === orchestrator ? before : undefined,
  });
}

/** What the templates inside `value` give. `sample` names the context, which is too large for a key. */
export function renderQuery(value: Schemas["RenderRequest"]["value"], sample: string, context: JsonObject) {
  return queryOptions({
    queryKey: keys.samples.render(value, sample),
    queryFn: ({ signal }) =>
      data(api.POST("/api/v1/orchestrator/render", { body: { value, context }, signal })),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
    placeholderData: keepPreviousData,
    retry: false,
  });
}

/** What mappings give, row by row. */
export function mapQuery(mappings: Schemas["MapRequest"]["mappings"], sample: string, context: JsonObject) {
  return queryOptions({
    queryKey: keys.samples.map(mappings, sample),
    queryFn: ({ signal }) =>
      data(api.POST("/api/v1/orchestrator/map", { body: { mappings, context }, signal })),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
    placeholderData: keepPreviousData,
    retry: false,
  });
}
