import { queryOptions, useQuery } from "@tanstack/react-query";
import { api, data } from "../client";
import type { Role } from "../types";
import { keys } from "./keys";

const RANK: Record<Role, number> = { viewer: 0, operator: 1, editor: 2, admin: 3 };

/** Who is signed in. */
export const sessionQuery = queryOptions({
  queryKey: keys.session,
  queryFn: ({ signal }) => data(api.GET("/api/v1/session", { signal })),
  staleTime: Number.POSITIVE_INFINITY,
});

/** Whether the person may do what needs `role`. False until it is known; the server decides in any case. */
export function useMay(role: Role): boolean {
  const { data: session } = useQuery(sessionQuery);
  return session !== undefined && RANK[session.role] >= RANK[role];
}

/** Database, migrations and engine. */
export const readyQuery = queryOptions({
  queryKey: keys.ready,
  queryFn: async () => {
    const answer = await fetch("/readyz", { headers: { Accept: "application/json" } });
    return (await answer.json()) as { status: string; database: string; migrations: string; engine: string };
  },
  refetchInterval: 30_000,
});
