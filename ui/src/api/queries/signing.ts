import { infiniteQueryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data } from "../client";
import { PAGES } from "../pages";
import type { NewSigningSecret } from "../types";
import { keys } from "./keys";

/** Signing secrets without their values, newest first, page by page. */
export const signingSecretsQuery = infiniteQueryOptions({
  queryKey: keys.signingSecrets,
  queryFn: ({ pageParam, signal }) =>
    data(
      api.GET("/api/v1/signing-secrets", { params: { query: { limit: 200, cursor: pageParam } }, signal }),
    ),
  ...PAGES,
});

/** The answer holds the secret, this once; it is forgotten with the screen that shows it. */
export function useCreateSigningSecret() {
  return useSecretMutation((body: NewSigningSecret) => data(api.POST("/api/v1/signing-secrets", { body })));
}

/** A new value; the one before counts for `keepOldSeconds` more. */
export function useRotateSigningSecret() {
  return useSecretMutation(({ id, keepOldSeconds }: { id: string; keepOldSeconds: number }) =>
    data(
      api.POST("/api/v1/signing-secrets/{id}/rotate", { params: { path: { id } }, body: { keepOldSeconds } }),
    ),
  );
}

export function useDeleteSigningSecret() {
  return useSecretMutation(async (id: string) => {
    await api.DELETE("/api/v1/signing-secrets/{id}", { params: { path: { id } } });
  });
}

function useSecretMutation<V, A>(mutationFn: (variables: V) => Promise<A>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn,
    gcTime: 0,
    onSuccess: () => client.invalidateQueries({ queryKey: keys.signingSecrets }),
  });
}
