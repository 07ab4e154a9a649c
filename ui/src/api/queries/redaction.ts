import { keepPreviousData, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data } from "../client";
import type { NewRule, RevealRequest, RevealRole } from "../types";
import { keys } from "./keys";

/** The workspace's rules, and who may have a masked value revealed. */
export const redactionQuery = queryOptions({
  queryKey: keys.redaction.rules,
  queryFn: ({ signal }) => data(api.GET("/api/v1/redaction", { signal })),
});

/** What the newest run would look like under this rule. */
export function rulePreviewQuery(rule: NewRule) {
  return queryOptions({
    queryKey: keys.redaction.preview(rule),
    queryFn: ({ signal }) => data(api.POST("/api/v1/redaction/preview", { body: { rule }, signal })),
    placeholderData: keepPreviousData,
    gcTime: 0,
    retry: false,
  });
}

export function useAddRule() {
  return useChange((body: NewRule) => data(api.POST("/api/v1/redaction/rules", { body })));
}

export function useRemoveRule() {
  return useChange(async (id: string) => {
    await api.DELETE("/api/v1/redaction/rules/{id}", { params: { path: { id } } });
  });
}

export function useSetRevealRole() {
  return useChange((role: RevealRole) => data(api.PUT("/api/v1/redaction/reveal", { body: { role } })));
}

/** One masked value as it is stored; forgotten with the dialog that shows it. */
export function useReveal() {
  return useMutation({
    mutationFn: ({ runId, ...body }: RevealRequest & { runId: string }) =>
      data(api.POST("/api/v1/orchestrator/runs/{runId}/reveal", { params: { path: { runId } }, body })),
    gcTime: 0,
  });
}

/** What was fetched before a change of the rules shows too much, or too little. */
function useChange<V, R>(mutationFn: (variables: V) => Promise<R>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn,
    onSuccess: () =>
      Promise.all(
        [keys.redaction.all, keys.runs.all, keys.callbacks.all, keys.letters.all, keys.samples.all].map(
          (queryKey) => client.invalidateQueries({ queryKey }),
        ),
      ),
  });
}
