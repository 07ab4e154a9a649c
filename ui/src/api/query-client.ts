import { QueryClient } from "@tanstack/react-query";
import { Problem } from "./problem";

/** The one cache of server data. A copy on screen stays there while a newer one is fetched. */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        gcTime: 10 * 60_000,
        retry: (failures, error) => error instanceof Problem && error.passing && failures < 2,
        refetchOnWindowFocus: true,
        throwOnError: false,
      },
      mutations: { retry: false },
    },
  });
}
