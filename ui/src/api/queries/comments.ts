import { infiniteQueryOptions, keepPreviousData, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data } from "../client";
import { PAGES } from "../pages";
import type { ThreadFilter } from "../types";
import { keys } from "./keys";

/** The threads about a drawing, newest first, page by page, each whole. */
export function threadsQuery(orchestrator: string, filter: ThreadFilter) {
  return infiniteQueryOptions({
    queryKey: keys.comments.list(orchestrator, filter),
    queryFn: ({ pageParam, signal }) =>
      data(
        api.GET("/api/v1/orchestrator/{id}/comments", {
          params: { path: { id: orchestrator }, query: { ...filter, cursor: pageParam } },
          signal,
        }),
      ),
    ...PAGES,
    placeholderData: keepPreviousData,
  });
}

type Written = {
  text: string;
  threadId?: string;
  nodeId?: string;
  spot?: { x: number; y: number };
};

/** Begin a thread, or answer in one. */
export function useWriteComment(orchestrator: string) {
  return useCommentMutation(orchestrator, (body: Written) =>
    data(api.POST("/api/v1/orchestrator/{id}/comments", { params: { path: { id: orchestrator } }, body })),
  );
}

/** Mend the text of a comment, or resolve its thread, or open it again. */
export function useChangeComment(orchestrator: string) {
  return useCommentMutation(
    orchestrator,
    ({ id, ...body }: { id: string; text?: string; resolved?: boolean }) =>
      data(
        api.PATCH("/api/v1/orchestrator/{id}/comments/{commentId}", {
          params: { path: { id: orchestrator, commentId: id } },
          body,
        }),
      ),
  );
}

/** Delete a comment; with the first of a thread, the thread. */
export function useDeleteComment(orchestrator: string) {
  return useCommentMutation(orchestrator, async (id: string) => {
    await api.DELETE("/api/v1/orchestrator/{id}/comments/{commentId}", {
      params: { path: { id: orchestrator, commentId: id } },
    });
  });
}

function useCommentMutation<V, T>(orchestrator: string, mutationFn: (variables: V) => Promise<T>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn,
    // Refused, too: somebody was faster, and the list should say so.
    onSettled: () => client.invalidateQueries({ queryKey: keys.comments.all(orchestrator) }),
  });
}
