import {
  type InfiniteData,
  onlineManager,
  useInfiniteQuery,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { ended, runSummaryQuery, runsQuery } from "@/api/queries";
import type { RunItem } from "@/api/types";
import { filterOf, type RunsSearch } from "./search";

const PAGE = 100;
const AHEAD = 2_000;

type Pages = InfiniteData<{ items: RunItem[]; nextCursor: string | null }, string | undefined>;

/** The runs an address asks for, up to the moment they were looked at: newer ones are counted, and shown when asked for, so
 * that the list does not move under the hand. */
export function useRuns(search: RunsSearch) {
  const client = useQueryClient();
  const address = JSON.stringify({ ...search, group: undefined });
  const [looked, setLooked] = useState(() => Date.now() + AHEAD);
  const online = useSyncExternalStore(
    (notify) => onlineManager.subscribe(notify),
    () => onlineManager.isOnline(),
  );
  const now = useServerTime(looked);
  // Counted back once per look: a preset that moved with every render would be a new query each time.
  const filter = useMemo(() => filterOf(JSON.parse(address) as RunsSearch, now), [address, now]);
  const until = new Date(now).toISOString();
  const closed = filter.until !== undefined && filter.until <= until;
  const query = useInfiniteQuery({
    ...runsQuery({ ...filter, until: closed ? filter.until : until }, PAGE),
    meta: { address },
    // Coming back shows what was there; so does every look at newer ones.
    placeholderData: (before) =>
      before ??
      (client
        .getQueryCache()
        .findAll({
          queryKey: ["runs", "list"],
          predicate: ({ meta, state }) => meta?.address === address && state.data !== undefined,
        })
        .toSorted((a, b) => b.state.dataUpdatedAt - a.state.dataUpdatedAt)[0]?.state.data as
        | Pages
        | undefined),
    refetchInterval: ({ state }) => (state.error ? 10_000 : pace(state.data?.pages ?? [])),
    refetchOnWindowFocus: ({ state }) => (state.data?.pages.length ?? 0) < 5,
  });
  const later = filter.since !== undefined && filter.since > until ? filter.since : until;
  const fresh = useInfiniteQuery({
    ...runsQuery({ ...filter, since: later }, PAGE),
    enabled: !closed,
    placeholderData: undefined,
    refetchInterval: ({ state }) => (state.error ? 10_000 : 1_500),
  });
  const runs = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const newer = closed ? 0 : (fresh.data?.pages[0]?.items.length ?? 0);
  const look = () => setLooked(Date.now() + AHEAD);
  const nothing = query.isSuccess && !query.isPlaceholderData && runs.length === 0;
  useEffect(() => {
    // There is nothing that could move.
    if (nothing && newer > 0) setLooked(Date.now() + AHEAD);
  }, [nothing, newer]);
  return {
    query,
    filter,
    runs,
    newer,
    manyNewer: fresh.hasNextPage,
    look,
    paused: !online || query.isRefetchError || query.fetchStatus === "paused",
  };
}

/** The client's time on the server's clock, if the two are further apart than a call takes. */
function useServerTime(client: number): number {
  const { data, dataUpdatedAt } = useQuery(runSummaryQuery({}, 1));
  const apart = data ? Date.parse(data.until) - dataUpdatedAt : 0;
  const [skew, setSkew] = useState(0);
  useEffect(() => {
    if (Math.abs(apart - skew) > AHEAD) setSkew(apart);
  }, [apart, skew]);
  return client + skew;
}

/** Milliseconds to the next look. Every loaded page is asked for again, so that long lists are renewed seldom or by hand. */
function pace(pages: ReadonlyArray<{ items: readonly RunItem[] }>): number | false {
  if (pages.length > 10) return false;
  if (pages.length > 2) return 30_000;
  return pages.some((page) => page.items.some((run) => !ended(run.status))) ? 2_000 : 8_000;
}
