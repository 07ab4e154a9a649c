import { queryOptions } from "@tanstack/react-query";
import { api, data } from "../client";
import { keys } from "./keys";

/** Every kind of node, with the JSON Schema of its form. Changes with a release only. */
export const kindsQuery = queryOptions({
  queryKey: keys.kinds,
  queryFn: async ({ signal }) => (await data(api.GET("/api/v1/orchestrator/kinds", { signal }))).items,
  staleTime: Number.POSITIVE_INFINITY,
});
