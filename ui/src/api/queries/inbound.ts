import { infiniteQueryOptions, keepPreviousData } from "@tanstack/react-query";
import { api, data } from "../client";
import type { Verdict } from "../types";
import { keys } from "./keys";

/** Callbacks as they came in, newest first, page by page. Operators and up. */
export function callbacksQuery(verdict?: Verdict) {
  return infiniteQueryOptions({
    queryKey: keys.callbacks(verdict ?? null),
    queryFn: ({ pageParam, signal }) =>
      data(
        api.GET("/api/v1/orchestrator/callbacks", {
          params: { query: { ...(verdict && { verdict }), cursor: pageParam } },
          signal,
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    placeholderData: keepPreviousData,
  });
}
